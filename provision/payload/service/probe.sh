# How a service is: its stamp, whether its process runs, and what would start it again. `lives` is left to what follows.
# shellcheck disable=SC2034 # it asks how the service is

lives=''
for way in $runtimes; do "${way}_look"; done
if ! read_stamp; then
    if [ -d "$dir" ] && ! is_ours "$dir" d; then echo "running=no: others can write its folder"
    elif [ -f "$dir/run" ] && again=$(starting_again); then echo "running=no: $again"
    # What a start that broke off left; `down` has it to remove.
    elif [ -f "$dir/run" ]; then echo "running=no: it did not start"
    elif unit_ours "$kept_file"; then echo "running=no: its folder is gone"
    fi
    exit 0
fi
say_stamp
if alive; then
    lives=yes
    echo running=yes
    case $stamped in *"
ready="*) ;; *) ! again=$(starting_again) || echo "again=$again" ;; esac
elif ! starting_again > /dev/null && at=$(rebooted); then echo "running=no: the host was rebooted at $at"
else echo "running=no: $(gone)"
fi
