# Work done with the rights of those whom it concerns: what they could not do, it cannot do either.

me=${_uid:-$(id -u)}
# Every host has it but for some containers (util-linux).
can() { command -v setpriv >/dev/null 2>&1 || { echo "root cannot act for $1: there is no setpriv (package util-linux)" >&2; return 1; }; }
# Whether a program is of an image: it starts a container, which the user may not, and has it run as that user. Looked for
# only where the whole path is given: in a folder of somebody's, anybody could say so.
contained() { case $1 in /*/bin/*) [ -f "${1%/bin/*}/contained" ] ;; *) return 1 ;; esac; }
# A program as the user who the service runs as.
as_user() {
    if [ -z "$user" ] || contained "$1" || [ "$user" = "$(id -un)" ]; then "$@"
    else can "$user" && setpriv --reuid="$user" --regid="$(id -g -- "$user")" --init-groups --no-new-privs -- "$@"
    fi
}
# The same with a number, which need not have a name any more.
as_uid() {
    uid=$1; shift
    if [ "$uid" = "$me" ]; then "$@"
    else can "user $uid" && setpriv --reuid="$uid" --regid="$uid" --clear-groups --no-new-privs -- "$@"
    fi
}
