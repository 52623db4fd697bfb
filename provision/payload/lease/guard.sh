# Whether this run still has its lease: asked at the beginning of what writes. It is then part of the lease, and ends
# with it. Arguments: the lease, its folder.
# shellcheck disable=SC2034 # `as` is the library's

guard() {
    as=''
    if under_way "$2" && [ "$n_lease" = "$1" ] && [ -z "$n_taken" ] && look_at "$$"; then
        echo "batch=$$ $born $session" >> "$2/note"
        return 0
    fi
    tell lost "$2"
    return 75
}
