# Work done with the rights of those whom it concerns: what they could not do, it cannot do either.

me=$(id -u)
# Every host has it but for some containers (util-linux).
can() { command -v setpriv >/dev/null 2>&1 || { echo "root cannot act for $1: there is no setpriv (package util-linux)" >&2; return 1; }; }
# A program as the user who the service runs as.
as_user() {
    if [ -z "$user" ] || [ "$user" = "$(id -un)" ]; then "$@"
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
