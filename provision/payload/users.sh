# Work done with the rights of those whom it concerns: what they could not do, it cannot do either.

me=$(id -u)
# A program as the user who the service runs as.
as_user() {
    if [ -z "$user" ] || [ "$user" = "$(id -un)" ]; then "$@"
    else setpriv --reuid="$user" --regid="$(id -g -- "$user")" --init-groups --no-new-privs -- "$@"
    fi
}
# The same with a number, which need not have a name any more.
as_uid() {
    uid=$1; shift
    if [ "$uid" = "$me" ]; then "$@"
    else setpriv --reuid="$uid" --regid="$uid" --clear-groups --no-new-privs -- "$@"
    fi
}
