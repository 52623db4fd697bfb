# Starts a service. Its environment goes through a 0600 file, not through env(1), whose arguments everyone can read.
# shellcheck disable=SC2086 # split into words on purpose
# shellcheck disable=SC2015 # a reload that fails is as bad as a start that does
# shellcheck disable=SC2016 # written for the shell that runs the file

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
