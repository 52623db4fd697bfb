# Whose a port is. A mark alone can be forged by anybody who starts a process, so its user must be that of the service,
# too: of `pid`, which the stamp has named. The addresses are those of ports.sh; of a name, or an address of IPv6, every
# listener at the port has to be ours.
# shellcheck disable=SC2012 # the names are numbers
# shellcheck disable=SC2086 # split into words on purpose

hex_of() {
    case $1 in *[!0-9.]*|*.*.*.*.*) return ;; *.*.*.*) ;; *) return ;; esac
    old_ifs=$IFS; IFS=.
    set -- $1
    IFS=$old_ifs
    printf '%02X%02X%02X%02X' "$4" "$3" "$2" "$1"
}
# `listeners ADDRESS PORT`: the inodes of the sockets that a connection to it may reach.
listeners() {
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v hex="$(hex_of "$1")" -v port="$(printf %04X "$2")" '
        $4 == "0A" && split($2, at, ":") == 2 && at[2] == port {
            ip = at[1]
            if (hex == "" || ip == hex || ip == "0000000000000000FFFF0000" hex) exact = exact " " $10
            else if (ip ~ /^0+$/ || ip == "0000000000000000FFFF000000000000") any = any " " $10
        }
        END { print exact != "" ? exact : any }'
}
# What process $1 has open. Root without CAP_SYS_PTRACE cannot see that of another user's; the user can.
open_in() {
    ls -l "/proc/$1/fd" 2>/dev/null || { [ -n "$user" ] && as_user ls -l "/proc/$1/fd" 2>/dev/null; }
}
# `ours_listens ADDRESS PORT`: 0 if somebody listens there, and it is nobody but us.
ours_listens() {
    inodes=$(listeners "$1" "$2")
    [ -n "${inodes# }" ] && [ -n "$pid" ] || return 1
    user_id=$(stat -c %u "/proc/$pid" 2>/dev/null) || return 1
    # Root's is what has started a container, for somebody.
    [ "$user_id" != 0 ] || [ -z "${user:-$ran_as}" ] || user_id=$(id -u -- "${user:-$ran_as}")
    held=$(for p in $(ours); do
        [ "$(stat -c %u "/proc/$p" 2>/dev/null)" = "$user_id" ] && open_in "$p"
    done)
    for inode in $inodes; do case $held in *"socket:[$inode]"*) ;; *) return 1 ;; esac; done
}
