# Which of the ports `entries` are free. /proc/net/tcp writes an IPv4 address as one little-endian number in hex. A
# listener on another address of the host is no conflict, one on all addresses is. What has the service's mark is ended
# before it starts, also where its stamp is not believed, as that of an older version; so is a Ray or vLLM of
# this cluster on this host that is not to be there, which is ended as well.
# shellcheck disable=SC2046 # split into words on purpose
# shellcheck disable=SC2086 # split into words on purpose

if read_stamp && alive; then mine=yes; else mine=$(each_of_ours); fi
if [ -z "$mine" ]; then
    old_ifs=$IFS; IFS=.
    set -- $address
    IFS=$old_ifs
    hex=$(printf '%02X%02X%02X%02X' "$4" "$3" "$2" "$1" 2>/dev/null)
fi
# The inodes of the sockets at port `$1` that are in the way.
in_the_way() {
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v port="$(printf %04X "$1")" -v hex="$hex" '
        $4 == "0A" && split($2, at, ":") == 2 && at[2] == port && (at[1] == hex || at[1] ~ /^0+$/ ||
            at[1] == "0000000000000000FFFF0000" hex || at[1] == "0000000000000000FFFF000000000000") { print $10 }'
}
# The processes that have the sockets `$@`, as far as they may be looked at.
holders() {
    set -- $(printf 'socket:\\[%s\\]\n' "$@" | sed 's/^/-o -lname /')
    shift
    find /proc/[0-9]*/fd -maxdepth 1 "(" "$@" ")" 2>/dev/null | cut -d/ -f3 | sort -un
}
# The mark of whoever of the processes `$@` is a service of ours by its user, too: the mark alone can be forged.
mark_of() {
    now=${user:-$me}
    for p in "$@"; do
        p=/proc/$p
        case " $now ${ran_as:-$now} ${SUDO_UID:-$now} " in
            *" $(stat -c %u "$p") "*|*" $(stat -c %U "$p") "*) ;;
            *) continue ;;
        esac
        { cat "$p/environ" || as_user cat "$p/environ"; } 2>/dev/null | tr '\0' '\n' | sed -n 's/^PROVISION_SERVICE=//p'
    done | head -n 1
}
# One line each; not read from a here-document, for which bash would write a file.
old_ifs=$IFS
IFS='
'
for entry in $entries; do
    port=${entry%% *} use=${entry#* } found=free
    if [ -z "$mine" ]; then
        IFS=$old_ifs
        sockets=$(in_the_way "$port")
        if [ -n "$sockets" ]; then
            pids=$(holders $sockets)
            whose=$(mark_of $pids)
            for ends in $going; do case $whose in "$ends"*) whose="${mark%/*}/ray" ;; esac; done
            case $whose in
                "${mark%/*}/ray"|"${mark%/*}/vllm") ;;
                ?*/*/*) found="taken by $whose, of provision" ;;
                *)
                    found="taken"
                    who=$(ss -Hltnp "sport = :$port" 2>/dev/null | sed -n 's/.*users:((\(.*\))).*/\1/p;q')
                    [ -z "$who" ] || found="taken by $who"
                    in=$(container_at "$port" $pids) && found="$found, container $in" ;;
            esac
        fi
        IFS='
'
    fi
    printf '%s\n' "port $port ($use)=$found"
done
IFS=$old_ifs
