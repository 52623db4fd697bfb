# Which token this host has for the cluster, and whether its Ray was started with it, after token_file.sh: what runs is what
# counts. Prints `used=yes`, `mine=yes` if Ray was started with the token that the controller has, and last the token
# itself, which is for the controller alone.
# shellcheck disable=SC2034 # `dir` is for the library

dir=$folder/ray
if read_stamp && alive; then
    read_sealed
    if [ -n "$token" ]; then
        compare "$aspect" "$token"
        [ "$verdict" != 'as given' ] || echo used=yes
    fi
    if [ -n "$mine" ]; then
        # The controller has the same one nearly always: it is compared once.
        [ "$mine" = "$token" ] || compare "$aspect" "$mine"
        [ "$verdict" != 'as given' ] || echo mine=yes
    fi
fi
printf 'token=%s\n' "$token"
