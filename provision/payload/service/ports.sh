# Which of the ports `wanted` are free. /proc/net/tcp writes an IPv4 address as one little-endian number in hex. A
# listener on another address of the host is no conflict, one on all addresses is. What has the service's mark is ended
# before it starts, also where its stamp is not believed, as that of an older version.
# shellcheck disable=SC2086 # split into words on purpose

if read_stamp && alive; then mine=yes; else mine=$(ours); fi
if [ -z "$mine" ]; then
    old_ifs=$IFS; IFS=.
    set -- $address
    IFS=$old_ifs
    hex=$(printf '%02X%02X%02X%02X' "$4" "$3" "$2" "$1" 2>/dev/null)
fi
# One line each; not read from a here-document, for which bash would write a file.
old_ifs=$IFS
IFS='
'
for entry in $wanted; do
    port=${entry%% *} use=${entry#* } found=free
    if [ -z "$mine" ]; then
        p=$(printf %04X "$port")
        if cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
            grep -qiE "^ *[0-9]+: ($hex|00000000|0{32}|0{16}FFFF0000($hex|00000000)):$p [0-9A-F:]+ 0A "; then
            found="taken"
            who=$(ss -Hltnp "sport = :$port" 2>/dev/null | sed -n 's/.*users:((\(.*\))).*/\1/p;q')
            [ -z "$who" ] || found="taken by $who"
        fi
    fi
    echo "port $port ($use)=$found"
done
IFS=$old_ifs
