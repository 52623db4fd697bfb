# With whose rights something is done at a path, after trust.sh. Root does nothing where somebody else could change what
# it does; below a folder of `owner`, or of whoever logged in, it works with that user's rights, and nowhere else.
# shellcheck disable=SC2034 # `as` is used by the files that follow

refused() { # what `strangers` printed
    reason=${1%%"|"*} place=${1#*"|"}
    mode=${place%%"|"*} place=${place#*"|"}
    holder=${place%%"|"*} place=${place#*"|"}
    case $reason in
        owner) reason="belongs to $holder" ;;
        others) reason='can be written to by every user' ;;
        group) reason="can be written to by the group ${place%%"|"*}" ;;
        acl) reason='can be written to by users that its access control list names' ;;
        links) reason='is a link that leads nowhere' ;;
        *) reason='cannot be looked at' ;;
    esac
    printf '%s\n' "not safe: ${place#*"|"} (mode $mode, owner $holder) $reason" >&2
    return 1
}
# `as`: the words before a command that is to have these rights, none for our own.
rights() { # what is in a folder, and the user whom it is for
    as='' me=$(id -u)
    exposed=$(strangers "${1%/*}/new" "$me")
    [ -n "$exposed" ] || return 0
    [ "$me" -eq 0 ] || { refused "$exposed"; return 1; }
    for user in $2 $SUDO_USER; do
        number=$(id -u -- "$user") || continue
        [ -z "$(strangers "${1%/*}/new" "$number")" ] || continue
        as="setpriv --reuid=$user --regid=$(id -g -- "$user") --init-groups --inh-caps=-all --"
        # Where the login shell is may be root's alone.
        cd / && return 0
    done
    refused "$exposed"
}
