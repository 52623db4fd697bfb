# Ends what runs of the cluster here, and leaves its files.
# shellcheck disable=SC2086 # split into words on purpose

for unit in $(units); do
    name=${unit##*/}
    systemctl disable -- "$name" >/dev/null 2>&1
    systemctl stop -- "$name" 2>/dev/null
    rm -f -- "$unit"
    systemctl reset-failed -- "$name" 2>/dev/null
    systemctl daemon-reload
    echo "::note stopped: $name"
done
n=0 ended=''
while pids=$(marked | tr '\n' ' '); [ -n "$pids" ]; do
    ended=yes
    if [ "$n" -ge 200 ]; then echo "these processes do not end: $pids" >&2; exit 1
    elif [ "$n" -ge 150 ]; then with_their_rights kill -s KILL $pids 2>/dev/null
    elif [ $((n % 50)) -eq 0 ]; then with_their_rights kill -s TERM $pids 2>/dev/null
    fi
    n=$((n + 1)); sleep 0.1
done
[ -z "$ended" ] || echo "::note stopped: all processes that carry the mark $prefix"
[ ! -d "$left" ] || echo "::note left in place: $left, secrets in it, too"
