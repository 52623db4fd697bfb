# The main process is asked first and given 10 s to end its children in good order. Then, or as soon as it is gone,
# whatever still carries the mark is asked, and after 5 s more killed; again and again, because a dying tree may
# still be making children.
# shellcheck disable=SC2086 # split into words on purpose

stop() {
    read_stamp
    old_unit=${old_unit:-$unit}
    if [ -f "/run/systemd/system/$old_unit" ]; then
        systemctl stop -- "$old_unit" 2>/dev/null
        rm -f -- "/run/systemd/system/$old_unit"
        systemctl reset-failed -- "$old_unit" 2>/dev/null
        systemctl daemon-reload
    fi
    if alive; then kill -s TERM "$pid" 2>/dev/null; fi
    n=0 asked=''
    while left=$(ours); [ -n "$left" ]; do
        if [ "$n" -ge 200 ]; then echo "these processes do not end:" $left >&2; return 1
        elif [ "$n" -ge 150 ]; then kill -s KILL $left 2>/dev/null
        elif [ "$n" -ge 100 ] || { [ -z "$asked" ] && ! alive; }; then asked=yes; kill -s TERM $left 2>/dev/null
        fi
        n=$((n + 1)); sleep 0.1
    done
    [ -z "$pid" ] || echo "::note stopped: pid $pid and all it started are gone"
    remove_segments
    for old_port in $ports; do
        n=0
        while listens "$old_port" && [ "$n" -lt 20 ]; do n=$((n + 1)); sleep 0.1; done
        if listens "$old_port"; then echo "::note port $old_port is still open: another process has it"; fi
    done
    rm -f -- "$dir/stamp"
}
# Shared memory outlives whoever made it. Ours is what has such a name and owner, is younger than the start of the
# service, and is open nowhere.
remove_segments() {
    [ -f "$dir/run" ] && [ -n "$segments" ] || return 0
    for segment in $(cd /dev/shm && ls -d $segments 2>/dev/null); do
        segment=/dev/shm/$segment
        [ "$segment" -nt "$dir/run" ] && [ "$(stat -c %U "$segment")" = "${user:-$(id -un)}" ] || continue
        grep -qsF "$segment" /proc/[0-9]*/maps || rm -f -- "$segment"
    done
}
