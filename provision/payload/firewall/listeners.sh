# The sockets of this host that listen, by whose they are. `whose`: how the mark of those processes begins; a rank that
# has written its title over its environment has a parent that is marked.
# shellcheck disable=SC2046 # one word for each process

# Whether root may not look at processes of others: without CAP_SYS_PTRACE (bit 19), as in many containers.
hidden=''
if [ "${_uid:-$(id -u)}" = 0 ]; then
    while read -r name rights; do [ "$name" != CapEff: ] || break; done < /proc/self/status
    case ${rights%????} in *[89a-f]) ;; *) hidden=yes ;; esac
fi
# A command with our rights, and with those of each user here where that is so.
each_owner() {
    "$@"
    [ -n "$hidden" ] || return 0
    stat -c '%u %g' /proc/[0-9]* 2>/dev/null | sort -u | while read -r uid gid; do
        [ "$uid" = 0 ] || setpriv --reuid="$uid" --regid="$gid" --clear-groups --no-new-privs -- "$@" </dev/null
    done
}
# Those with the mark, and all that they have started.
families() {
    set -- $(each_owner grep -lzs "^PROVISION_SERVICE=$whose" /proc/[0-9]*/environ)
    [ $# -gt 0 ] || return 0
    cat /proc/[0-9]*/stat 2>/dev/null | awk -v marked="$*" '
        BEGIN { split(marked, m, " "); for (i in m) { split(m[i], part, "/"); ours[part[3]] = 1 } }
        { pid = $1; sub(/.*\) /, ""); parent[pid] = $2 }
        END {
            do {
                more = 0
                for (pid in parent) if (!(pid in ours) && parent[pid] in ours) { ours[pid] = 1; more = 1 }
            } while (more)
            for (pid in ours) print pid
        }'
}
# What listens: rows of ss, which asks the kernel for nothing else; for /proc/net/tcp it goes through its whole table of
# connections, which grows with the memory of the host. `$1`: empty for what has to be as the kernel writes it.
rows() {
    [ -z "$1" ] || ! command -v ss >/dev/null || {
        found=$(ss -Hltne 2>/dev/null)
        case $found in *LISTEN*) printf '%s\n' "$found"; return ;; esac
    }
    grep -hs ' 0A ' /proc/net/tcp /proc/net/tcp6
}
# `<address>:<port>` of each: with `own` of those, as ss or the kernel writes it; without, of all others, as the kernel does.
# What listens is listed first, then what ours have open: the name of a file there cannot be taken for one that listens.
# Only the first `ino:` of a row is the socket's: what stands behind it may be anybody's, as the name of a cgroup.
listeners() {
    {
        rows "$1"
        echo
        set -- $(families)
        for pid in "$@"; do shift; set -- "$@" "/proc/$pid/fd"; done
        [ $# -eq 0 ] || each_owner ls -l "$@" 2>/dev/null
    } | awk -v own="$1" '
        NF == 0 { looked = 1 }
        !looked && $1 == "LISTEN" && match($0, / ino:[0-9]+/) { place[substr($0, RSTART + 5, RLENGTH - 5)] = $4 }
        !looked { if ($4 == "0A") place[$10] = $2; next }
        match($0, / -> socket:\[[0-9]+\]$/) { mine[substr($0, RSTART + 12, RLENGTH - 13)] = 1 }
        END { for (socket in place) if ((own != "") == (socket in mine) && !seen[place[socket]]++) print place[socket] }'
}
