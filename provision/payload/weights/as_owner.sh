# Where root works for a user, all that reads or writes below the user's folders runs with the user's rights: a link that
# leads elsewhere leads no further than the user gets alone.

export folder models cluster manifest mark host ours brings sampled stamp others
as_owner() {
    if [ -z "$owner" ] || [ "$(id -u)" != 0 ]; then
        sh -c "$1"
    else
        command -v setpriv >/dev/null 2>&1 || { echo "setpriv is missing here (util-linux)" >&2; return 1; }
        # Before the first `up` there may be no such user, and then everybody's rights must do.
        id -u -- "$owner" >/dev/null 2>&1 || owner=nobody
        group=$(id -g -- "$owner") || return 1
        # Where the login shell is may be root's alone, and find wants to come back to where it began.
        (cd / && HOME=/ setpriv --reuid "$owner" --regid "$group" --init-groups --inh-caps=-all -- sh -c "$1")
    fi
}
as_owner "$steps"
