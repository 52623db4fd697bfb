# Whose a folder elsewhere than below our `root` is. Its path may be one disk for many hosts, or came here as a copy.

plain() { [ -f "$1" ] && [ ! -L "$1" ]; }
uses=.provision-users

# $1: a model's folder, $2: whether it is in our folder of models. A copy that somebody made of a folder of ours, with the
# ledger in it, is theirs.
ours_here() {
    plain "$1/.provision-written" || return 1
    [ -z "$2" ] || return 0
    at=$(head -n 4 -- "$1/.provision-written" | sed -n '2,/^$/s/^at=//p')
    [ -z "$at" ] || [ "$at" = "$1" ]
}

# $1: a model's folder. Who else uses it, as `<cluster>@<host>`.
others_use() {
    [ -d "$1/$uses" ] && [ ! -L "$1/$uses" ] || return 0
    for user in "$1/$uses"/*; do
        [ ! -e "$user" ] || [ "${user##*/}" = "$cluster@$host" ] || printf '%s\n' "${user##*/}"
    done | head -n 5 | paste -sd ' ' -
}

# $1: a model's folder. Whether it has been there since before its users were noted, so that others may use it, too.
others_unknown() {
    if [ -e "$1/$uses/.before" ] || [ -L "$1/$uses/.before" ]; then return 0; fi
    plain "$1/.provision-written" && ! head -n 4 -- "$1/.provision-written" | sed '/^$/q' | grep -q '^at='
}
