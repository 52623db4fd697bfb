# The tables of other clusters on the host. Ranks of all of them may listen on ephemeral ports, so that each lets the
# nodes of the others through to those: a part of its file that changes when another cluster comes or goes.
# shellcheck disable=SC2086 # split into words on purpose

element() { [ -z "$3" ] || echo "add element inet $1 $2 { $3 }"; }
others_of() { # a table: the addresses that every other table of ours has for its nodes
    for other in "$folder"/*.nft "$folder"/*.trial; do
        [ -f "$other" ] || continue
        case ${other##*/} in "$1".*) continue ;; esac
        sed -n 's/^#= addresses of [^=]*=//p' "$other"
    done | tr ' ' '\n' | grep -v '^none$' | sort -u
}
others_for() {
    for address in $(others_of "$1"); do
        case $address in *:*) element "$1" others6 "$address" ;; *) element "$1" others4 "$address" ;; esac
    done
}
# The tables of the other clusters let through what ranks of this one open to each other.
tell_the_others() {
    for other in "$folder"/*.nft; do
        [ -f "$other" ] || continue
        name=${other##*/} name=${name%.nft}
        if [ "$name" = "$table" ] || ! seen "$name" >/dev/null; then continue; fi
        { grep -v "^add element inet $name others" "$other"; others_for "$name"; } > "$other.new"
        if cmp -s "$other" "$other.new"; then rm -f -- "$other.new"; continue; fi
        nft -f "$other.new" && mv -f -- "$other.new" "$other" && seen "$name" > "$other.seen"
    done
}
