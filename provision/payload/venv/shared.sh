# What building and removing have in common. `tag` is this host's own name for its work, `LOCK.CLUSTER.HOST`: neither
# name has a dot. A folder is removed under another name: nobody finds half of it, and two hosts that share it do not meet.
# shellcheck disable=SC2034 # used by the files that follow
# shellcheck disable=SC2088 # the tilde is that of a value, which no shell has expanded

set -e
# With sudo, root builds it and another user runs it; otherwise it is ours alone.
# Root is not where sudo has left it, in the home of the user who logs in: uv reads the uv.toml of where it is.
if [ "$(id -u)" -eq 0 ]; then umask 022; cd /; else umask 077; fi
case "$root" in "~") root=$HOME ;; "~/"*) root=$HOME/${root#"~/"} ;; esac
case "$root" in /?*) ;; *) echo "root must be an absolute path, not $root" >&2; exit 1 ;; esac
case "$short$cluster$tag" in ''|*/*) echo "not a name: $short $cluster $tag" >&2; exit 1 ;; esac
envs=$root/envs
env=$envs/$short
inbox=$root/uploads/$tag
cache=$root/cache/$tag
# Nobody else could change what lies in `root`, or put it there.
ours_alone() { exposed=$(strangers "$root" "$(id -u)"); [ -z "$exposed" ] || refused "$exposed" || exit 1; }
say() { printf '::progress %s\n' "$*"; }
discard() {
    [ -d "$1" ] && [ ! -h "$1" ] || { rm -f -- "$1"; return 0; }
    gone="$envs/.gone-$tag.${1##*/}"
    rm -rf -- "$gone"
    mv -T -- "$1" "$gone" 2>/dev/null || return 0
    rm -rf -- "$gone"
}
# Fails where there is no folder, which another host that shares it may have removed by now.
exclusive() {
    command -v flock >/dev/null 2>&1 || return 0
    [ ! -e "$envs/.lock" ] || [ -f "$envs/.lock" ] || rm -rf -- "$envs/.lock"
    command exec 9> "$envs/.lock" || return
    flock -n 9 || { say "waiting for another host that works on the same folder"; flock 9; }
}
