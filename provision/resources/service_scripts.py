"""What runs on a host for a service: looking, stopping, starting. POSIX sh, each a constant."""

# A pid alone says nothing once it is used again: the kernel's start time (field 22) goes with it. The name in
# field 2 may hold blanks and brackets, so the line is cut after its last bracket.
LIBRARY = r"""
start_of() {
    started=''
    { read -r l < "/proc/$1/stat"; } 2>/dev/null || return 1
    set -- ${l##*)}
    [ "$1" != Z ] && started=${20}
}
# `stamped`: all that the stamp says, so that it is read once.
read_stamp() {
    pid='' start='' old_unit='' stamped=''
    [ -f "$dir/stamp" ] || return 1
    while IFS= read -r l; do
        case $l in pid=*) pid=${l#*=} ;; start=*) start=${l#*=} ;; unit=*) old_unit=${l#*=} ;; esac
        stamped="$stamped$l
"
    done < "$dir/stamp"
}
alive() { [ -n "$pid" ] && start_of "$pid" && [ "$started" = "$start" ]; }
ours() { grep -lzxF "PROVISION_SERVICE=$mark" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3; }
listens() {
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -qi "^ *[0-9]*: [0-9A-F]*:$(printf %04X "$1") [0-9A-F:]* 0A "
}
mark_ready() { grep -q '^ready=' "$dir/stamp" || echo ready=yes >> "$dir/stamp"; }
gave_up() { echo "$1" >&2; echo "the last lines of $dir/log:" >&2; tail -n "${2:-200}" -- "$dir/log" >&2; exit 1; }
"""

PROBE = r"""
if ! read_stamp; then
    # What a start that broke off left; `down` has it to remove.
    [ ! -f "$dir/run" ] || echo "running=no: it did not start"
    exit 0
fi
printf %s "$stamped"
if alive; then echo running=yes; else echo "running=no: its process is gone"; fi
"""

# The main process is asked first and given 10 s to end its children in good order. Then, or as soon as it is gone,
# whatever still carries the mark is asked, and after 5 s more killed; again and again, because a dying tree may
# still be making children.
STOP = r"""
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
"""

CLEAR = """
stop || exit 1
rm -rf -- "$dir"
[ -z "$scratch" ] || rm -rf -- "$scratch"
"""

# The environment goes through a 0600 file, not through env(1), whose arguments everyone can read.
START = r"""
# Where root works for somebody else, the folders above let them in, whatever root's umask says.
( [ -z "$user" ] || umask 022; mkdir -p -- "${dir%/*}" ) || exit 1
umask 077
mkdir -p -- "$dir" || exit 1
[ ! -f "$dir/log" ] || mv -f -- "$dir/log" "$dir/log.1"
: > "$dir/log"
# What stands in the way of the service's own log.
journal() { [ -z "$unit" ] || [ -s "$dir/log" ] || journalctl -u "$unit" -n 5 -o cat --no-pager >&2; }
quoted() { printf "'"; printf %s "$1" | sed "s/'/'\\\\''/g"; printf "'"; }
{
    printf 'cd /\n'
    i=0
    while [ "$i" -lt "$names" ]; do
        eval "n=\$name_$i v=\$value_$i"
        printf 'export %s=' "$n"; quoted "$v"; echo
        i=$((i + 1))
    done
    printf 'ulimit -n "$(ulimit -Hn)" 2>/dev/null\n'
    printf 'l=$(cat /proc/$$/stat); set -- ${l##*)}\n'
    printf '{ printf %%s '; quoted "$stamp"; printf '; echo "pid=$$"; echo "start=${20}"; echo "unit=%s"; } > ' "$unit"
    quoted "$dir/stamp.new"; echo
    printf 'mv -f '; quoted "$dir/stamp.new"; printf ' '; quoted "$dir/stamp"; echo
    printf 'exec'
    i=0
    while [ "$i" -lt "$args" ]; do
        eval "v=\$arg_$i"
        printf ' '; quoted "$v"
        i=$((i + 1))
    done
    printf ' </dev/null >>'; quoted "$dir/log"; printf ' 2>&1\n'
} > "$dir/run"
[ -z "$user" ] || chown -R -- "$user" "$dir"
if [ -n "$unit" ]; then
    {
        printf '[Unit]\nDescription=provision: %s\n[Service]\nType=exec\n' "$mark"
        [ -z "$user" ] || printf 'User=%s\n' "$user"
        printf 'ExecStart=/bin/sh "%s/run"\nKillMode=control-group\nTimeoutStopSec=20\n' "$dir"
        printf 'LimitNOFILE=1048576\nLimitMEMLOCK=infinity\nTasksMax=infinity\n'
    } > "/run/systemd/system/$unit"
    chmod 644 "/run/systemd/system/$unit"
    systemctl daemon-reload && systemctl start -- "$unit" || { journal; gave_up "systemd does not start $unit" 20; }
else
    as=''
    [ -z "$user" ] || [ "$user" = "$(id -un)" ] ||
        as="setpriv --reuid=$user --regid=$(id -g -- "$user") --init-groups --"
    setsid $as env -i /bin/sh "$dir/run" </dev/null >>"$dir/log" 2>&1 &
fi
n=0
until read_stamp && alive; do
    [ "$n" -lt 50 ] || { journal; gave_up "it ended at once"; }
    n=$((n + 1)); sleep 0.1
done
"""
