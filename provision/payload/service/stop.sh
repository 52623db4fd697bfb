# The main process is asked first and given 10 s to end its children in good order. Then, or as soon as it is gone,
# whatever still carries the mark is asked, and 15 s after the beginning killed; again and again for 15 s, because a
# dying tree may still be making children.
# shellcheck disable=SC2046 # split into words on purpose
# shellcheck disable=SC2086 # split into words on purpose

stop() {
    read_stamp
    # What the stamp says is nobody's word for it: a damaged one names no process, or a stranger's.
    ran=''
    ! alive || ran=$pid
    # All of them: the host may have had another one when the service was started.
    for one in $runtimes; do "${one}_stop"; done
    if alive; then signal TERM "$pid:$start"; fi
    asked_at=$(seconds_up) asked='' killed=''
    while starts=$(all_starts); left=$(each_of_ours); [ -n "$left" ]; do
        waited=$(($(seconds_up) - asked_at))
        if [ "$waited" -ge 30 ] && [ -n "$killed" ]; then echo "these processes do not end:" $left >&2; return 1
        elif [ "$waited" -ge 15 ]; then killed=yes; signal KILL $(paired "$starts" $left)
        elif [ "$waited" -ge 10 ] || { [ -z "$asked" ] && ! alive; }; then
            asked=yes; signal TERM $(paired "$starts" $left)
        fi
        sleep 0.1
    done
    if [ -n "$ran" ]; then echo "::note stopped: pid $ran and all it started are gone"
    elif [ -n "$asked" ]; then echo "::note stopped: all that was left of it is gone"
    fi
    remove_segments
    for old_port in $ports; do
        n=0
        while listens "$old_port" && [ "$n" -lt 20 ]; do n=$((n + 1)); sleep 0.1; done
        if listens "$old_port"; then echo "::note port $old_port is still open: another process has it"; fi
    done
    rm -f -- "$dir/stamp"
}
# To processes as `<pid>:<start>`, as those whose they are: one that somebody else has by now is not theirs to signal.
signal() {
    name=$1; shift
    [ $# -gt 0 ] || return 0
    for owner in $(for one in "$@"; do stat -c %u "/proc/${one%:*}"; done 2>/dev/null | sort -u); do
        as_uid "$owner" sh -c "$send" sh "$signals" "$name" "$@" 2>/dev/null
    done
}
# Shared memory outlives whoever made it. Ours is what has such a name and owner, is younger than the start of the
# service, and is open nowhere.
remove_segments() {
    is_ours "$dir" d && [ -f "$dir/run" ] && [ -n "$segments" ] || return 0
    set -f
    for pattern in $segments; do
        set +f
        # Others may put names with blanks there, of which no word is a name of ours.
        for segment in /dev/shm/$pattern; do
            [ "$segment" -nt "$dir/run" ] && [ "$(stat -c %U -- "$segment")" = "${user:-$(id -un)}" ] || continue
            grep -qsF -e "$segment" /proc/[0-9]*/maps || as_user rm -f -- "$segment"
        done
    done
    set +f
}
