# Who else could change what lies at a path.

# A group that nobody but `trusted` is in: the private group of one of them, as useradd makes one for each user.
private_group() { # gid
    entry=$(getent group "$1" 2>/dev/null) || entry=$(grep "^[^:]*:[^:]*:$1:" /etc/group) || return 1
    name=${entry%%:*} members=${entry##*:}
    case $trusted in *" $(id -u -- "$name" 2>/dev/null) "*) ;; *) return 1 ;; esac
    [ "$(id -g -- "$name")" = "$1" ] || return 1
    old=$IFS; IFS=,
    # shellcheck disable=SC2086 # split into names on purpose
    set -- "$1" $members
    IFS=$old
    gid=$1
    shift
    for name in "$@"; do
        case $trusted in *" $(id -u -- "$name" 2>/dev/null) "*) ;; *) return 1 ;; esac
    done
    while IFS=: read -r _ _ other primary _; do
        [ "$primary" = "$gid" ] || continue
        case $trusted in *" $other "*) ;; *) return 1 ;; esac
    done < /etc/passwd
}

# In a user namespace the machine's own root is seen as the overflow uid, as are all users who are not in there: `nobody`,
# if nobody in the namespace can be that user. What such a user owns is trusted where not everybody could have put it.
outside() {
    nobody=''
    { IFS=' ' read -r first _ count < /proc/self/uid_map; } 2>/dev/null || return 0
    [ "$count" != 4294967295 ] || return 0
    overflow=$(cat /proc/sys/kernel/overflowuid) || return 0
    while IFS=' ' read -r first _ count; do
        [ "$overflow" -lt "$first" ] || [ "$overflow" -ge $((first + count)) ] || return 0
    done < /proc/self/uid_map
    nobody=$overflow
}

# `strangers PATH UIDS` looks at the path, at each folder above it, and at what links on the way point to. They must
# belong to root or one of UIDS, and nobody else may write there; a parent that others write to must have the sticky
# bit, which keeps them from renaming what is not theirs. Prints nothing if so, otherwise about the first that is not
# `WHY|MODE|OWNER|GROUP|PATH`; WHY: owner, others, group, acl, links, unreadable.
strangers() {
    case $1 in /*) ;; *) return 0 ;; esac
    outside
    rest=$1/ trusted=" 0 $2 " at='' hops=0 whole=yes
    set -- /
    while [ -n "$rest" ]; do
        name=${rest%%/*} rest=${rest#*/}
        case $name in ''|.) continue ;; ..) at=${at%/*}; continue ;; esac
        at=$at/$name
        [ -e "$at" ] || [ -h "$at" ] || { whole=''; break; }
        set -- "$@" "$at"
        [ -h "$at" ] || continue
        hops=$((hops + 1))
        [ "$hops" -le 40 ] || { printf 'links|-|-|-|%s\n' "$at"; return 0; }
        target=$(readlink -- "$at")
        case $target in /*) at='' ;; *) at=${at%/*} ;; esac
        rest=$target/$rest
    done
    last=${whole:+${at:-/}}
    stats=$(stat -c '%a:%u:%g' -- "$@" 2>/dev/null)
    old_ifs=$IFS
    IFS='
'
    for line in $stats; do
        IFS=$old_ifs
        stranger "$1" "$line" "$last" || return 0
        shift
    done
    IFS=$old_ifs
    [ $# -eq 0 ] || printf 'unreadable|-|-|-|%s\n' "$1"
}

stranger() { # a path, its mode:uid:gid, and the path that was asked for: fails, and says so, if others may change it
    mode=${2%%:*} why=''
    number=${2#*:}
    number=${number%:*}
    case $trusted in
        *" $number "*) ;;
        *)
            why=owner
            if [ "$number" = "$nobody" ]; then
                above=${1%/*}
                case $(stat -L -c %a -- "${above:-/}") in *[2367]) [ "$1" != / ] || why='' ;; *) why='' ;; esac
            fi
            ;;
    esac
    # Modes of links mean nothing.
    if [ -z "$why" ] && [ ! -h "$1" ]; then
        case $mode in
            [1357]???) [ "$1" != "$3" ] && return 0 ;;
        esac
        case $mode in
            *[2367]) why=others ;;
            *[2367]?)
                # The group's bits are the most that a list gives anyone.
                case $(ls -ld -- "$1") in ??????????+*) why=acl ;; *) private_group "${2##*:}" || why=group ;; esac
                ;;
        esac
    fi
    [ -n "$why" ] || return 0
    who=$(stat -c '%U|%G' -- "$1")
    # Whom no name is for, as on a disk of another machine.
    case $who in UNKNOWN\|*) who="uid $number|${who#*\|}" ;; esac
    printf '%s\n' "$why|$mode|$who|$1"
    return 1
}
