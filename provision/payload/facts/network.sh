# Names and addresses come from ip, or from /proc/net, since /sys shows the network of whoever mounted it.
# Of the lines of one `ip` those of links have their flags in <>, those of addresses begin with a number too.
# shellcheck disable=SC1007 # several variables are emptied in one line

address=
if [ -n "$head" ]; then
    case "$head" in
        *[!0-9.]*) address=$(getent ahostsv4 "$head" 2>/dev/null || getent hosts "$head" 2>/dev/null) ;;
        *) address=$head ;;
    esac
    address=${address%%[!0-9a-fA-F.:]*}
    case "$head" in *:*) address=$head ;; esac
    echo "@head"
    echo "$address"
fi
if has ip; then
    value=$(ip -o -batch - 2>/dev/null <<EOF
link show
addr show
${address:+route get $address}
EOF
)
    case "$value" in
        *" inet"*) ;;
        # Busybox's ip runs no batch.
        *) value=$(ip -o link show; ip -o addr show; [ -z "$address" ] || ip -o route get "$address") 2>/dev/null ;;
    esac
    links= addresses= route=
    IFS=$newline; set -f
    for line in $value; do
        case "$line" in
            [0-9]*": <"*) links=$links$line$newline ;;
            [0-9]*": "*" inet"*) addresses=$addresses$line$newline ;;
            *) route=$route$line$newline ;;
        esac
    done
    set +f; IFS=$old_ifs
    printf '@links\n%s@addresses\n%s@route\n%s' "$links" "$addresses" "$route"
else
    echo "@links"
    cat /proc/net/dev
    echo "@addresses"
    cat /proc/net/fib_trie
    echo "@addresses6"
    cat /proc/net/if_inet6 2>/dev/null
    echo "@route"
    [ -z "$address" ] || cat /proc/net/route
fi
echo "@speeds"
for place in /sys/class/net/*; do
    { read -r speed < "$place/speed"; } 2>/dev/null || speed=
    { read -r mtu < "$place/mtu"; } 2>/dev/null || mtu=
    { read -r flags < "$place/flags"; } 2>/dev/null || flags=
    { read -r state < "$place/operstate"; } 2>/dev/null || state=
    { read -r kind < "$place/uevent"; } 2>/dev/null || kind=
    case "$kind" in DEVTYPE=*) kind=${kind#DEVTYPE=} ;; *) kind= ;; esac
    [ -e "$place/tun_flags" ] && kind=tun
    # A bridge with a cable in it is as good as the cable: KVM hosts have their address on one.
    [ "$kind" = bridge ] && for port in "$place"/brif/*; do
        port=/sys/class/net/${port##*/}
        for value in "$port/device" "$port/bonding" "$port"/lower_*; do [ -e "$value" ] && kind=; done
    done
    echo "${place##*/} speed=$speed mtu=$mtu flags=$flags state=$state kind=$kind"
done
echo "@listening"
# For /proc/net/tcp the kernel goes through its whole table of connections, which grows with the memory of the host; ss asks
# it for listeners alone.
value=
has ss && value=$(ss -Hltn 2>/dev/null)
case $value in
    *LISTEN*) printf '%s\n' "$value" ;;
    *) grep -h ' 0A ' /proc/net/tcp /proc/net/tcp6 2>/dev/null ;;
esac
