# How a service is: its stamp, and whether its process runs.

if ! read_stamp; then
    # What a start that broke off left; `down` has it to remove.
    [ ! -f "$dir/run" ] || echo "running=no: it did not start"
    exit 0
fi
printf %s "$stamped"
if alive; then echo running=yes; else echo "running=no: its process is gone"; fi
