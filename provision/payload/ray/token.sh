# Which token this host has for the cluster, and whether its Ray was started with it: what runs is what counts. Prints
# `used=yes`, `mine=yes` if Ray was started with the token that the controller has, and last the token itself, which is
# for the controller alone. A link is none: it could lead to another file; and none is what others could have put there.
# shellcheck disable=SC2034 # `dir` is for the library
# shellcheck disable=SC2088 # the tilde is that of a value, which no shell has expanded

case $root in "~/"*) root=$HOME/${root#"~/"} ;; esac
folder=$root/clusters/$cluster/$host
dir=$folder/ray
token=''
if [ -f "$folder/ray-token" ] && [ ! -L "$folder/ray-token" ] && [ -z "$(strangers "$folder" "$(id -u)")" ]; then
    token=$(head -c 4096 -- "$folder/ray-token" | tr -d '\000')
fi
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
