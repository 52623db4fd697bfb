# How a service is: its stamp, and whether its process runs.

if ! read_stamp; then
    if [ -d "$dir" ] && ! is_ours "$dir" d; then echo "running=no: others can write its folder"
    # What a start that broke off left; `down` has it to remove.
    elif [ -f "$dir/run" ]; then echo "running=no: it did not start"
    fi
    exit 0
fi
say_stamp
if alive; then echo running=yes; else echo "running=no: its process is gone"; fi
