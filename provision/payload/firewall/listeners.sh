# The sockets of this host that listen, by whose they are. `whose`: how the mark of those processes begins; a rank that
# has written its title over its environment has a parent that is marked.
# shellcheck disable=SC2013 # pids, which are words
# shellcheck disable=SC2046 # one word for each process

# A command with our rights, and with those of each user here where root may not look at processes of others: without
# CAP_SYS_PTRACE (bit 19), as in many containers.
each_owner() {
    "$@"
    [ "$(id -u)" = 0 ] || return 0
    rights=$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status)
    rights=${rights%????}
    case $rights in *[89a-f]) return 0 ;; esac
    stat -c '%u %g' /proc/[0-9]* 2>/dev/null | sort -u | while read -r uid gid; do
        [ "$uid" = 0 ] || setpriv --reuid="$uid" --regid="$gid" --clear-groups --no-new-privs -- "$@" </dev/null
    done
}
marked() { each_owner grep -lzs "^PROVISION_SERVICE=$whose" /proc/[0-9]*/environ | cut -d/ -f3 | sort -u; }
families() {
    cat /proc/[0-9]*/stat 2>/dev/null | awk -v marked="$(marked | tr '\n' ' ')" '
        BEGIN { split(marked, m, " "); for (i in m) ours[m[i]] = 1 }
        { pid = $1; sub(/.*\) /, ""); parent[pid] = $2 }
        END {
            do {
                more = 0
                for (pid in parent) if (!(pid in ours) && parent[pid] in ours) { ours[pid] = 1; more = 1 }
            } while (more)
            for (pid in ours) print pid
        }'
}
# `<address>:<port>` of each as the kernel writes it: of those with `own`, of all others without.
listeners() {
    sockets=$(
        set -- $(families)
        for pid in "$@"; do shift; set -- "$@" "/proc/$pid/fd"; done
        { [ $# -eq 0 ] || each_owner ls -l "$@"; } 2>/dev/null |
            sed -n 's/.* -> socket:\[\([0-9]*\)\]$/\1/p' | sort -u | tr '\n' ' '
    )
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v own="$1" -v sockets="$sockets" '
        BEGIN { split(sockets, s, " "); for (i in s) mine[s[i]] = 1 }
        $4 == "0A" && ((own != "") == ($10 in mine)) { print $2 }' | sort -u
}
