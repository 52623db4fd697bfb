# Ends what runs of the cluster here, and leaves its files. `left`: a folder to name, that is not removed.
# shellcheck disable=SC2046 # split into words on purpose
# shellcheck disable=SC2086 # split into words on purpose

names() { cut -d' ' -f1; }
# Below which folders what runs has its log. One of a `root` that the inventory has no more is looked at by nobody else.
roots=$(left_running | while read -r one _; do with_their_rights readlink -- "/proc/$one/fd/1"; done 2>/dev/null |
    sed -n "s,/clusters/${pattern}[^/]*/log[^/]*\$,,p" | sort -u)
theirs=$(units | names | tr '\n' ' ')
if [ -n "$theirs" ] && [ "$(id -u)" -ne 0 ]; then
    echo "only root can stop what systemd carries: $theirs" >&2
    echo "hint: set \`sudo: true\`, with which it was started" >&2
    exit 1
fi
for name in $theirs; do
    not_ours "/etc/systemd/system/$name" || systemctl disable -- "$name" >/dev/null 2>&1
    case $(systemctl show -p Description --value -- "$name" 2>/dev/null) in
        # The last is what one is called that was switched off (systemctl mask).
        ''|"provision: $prefix"*|"$name") systemctl stop -- "$name" 2>/dev/null ;;
    esac
    for file in "/run/systemd/system/$name" "/etc/systemd/system/$name"; do not_ours "$file" || rm -f -- "$file"; done
    rm -f -- "/run/systemd/system/$name.d/provision-first.conf"
    rmdir -- "/run/systemd/system/$name.d" 2>/dev/null
    systemctl reset-failed -- "$name" 2>/dev/null
    systemctl daemon-reload
    echo "::note stopped: $name"
done
for name in $(own_units | names); do
    # shellcheck disable=SC2016 # for the shell of that user
    as_login sh -c '
        systemctl --user disable -- "$0" >/dev/null; systemctl --user stop -- "$0"
        first=$XDG_RUNTIME_DIR/systemd/user/$0.d
        rm -f -- "$HOME/.config/systemd/user/$0" "$first/provision-first.conf"; rmdir -- "$first"
        systemctl --user daemon-reload' "$name" 2>/dev/null
    echo "::note stopped: $name"
done
n=0 asked_at='' killed=''
ended=$(left_running | while read -r one service; do printf '%s\n' "pid $one ($service)"; done | paste -sd, - | sed 's/,/, /g')
signal() { with_their_rights sh -c "$send" sh "$signals" "$@"; }
while starts=$(all_starts); pids=$(left_running | names | tr '\n' ' '); [ -n "$pids" ]; do
    : "${asked_at:=$(seconds_up)}"
    waited=$(($(seconds_up) - asked_at))
    if [ "$waited" -ge 25 ] && [ -n "$killed" ]; then echo "these processes do not end: $pids" >&2; exit 1
    elif [ "$waited" -ge 10 ]; then killed=yes; signal KILL $(paired "$starts" $pids)
    elif [ $((n % 50)) -eq 0 ]; then signal TERM $(paired "$starts" $pids)
    fi
    n=$((n + 1)); sleep 0.1
done
[ -z "$ended" ] || printf '::note stopped: %s\n' "$ended"
[ -z "$left" ] || [ ! -d "$left" ] || echo "::note left in place: $left, secrets in it, too"
printf '%s\n' "$roots" | while IFS= read -r one; do
    here=${folders%%"
"*}
    [ -z "$one" ] || [ "$one" -ef "${here%/clusters/*}" ] || [ "$one/clusters/${prefix%/}" = "$left" ] ||
        echo "::note left in place, since \`root\` is another one now: $one/clusters/${prefix%/}, secrets in it, too"
done
