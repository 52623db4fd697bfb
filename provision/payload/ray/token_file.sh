# The token that this host has for the cluster: `token`, in `folder`. A link is none: it could lead to another file; and none
# is what others could have put there.
# shellcheck disable=SC2034 # used by the files that follow
# shellcheck disable=SC2088 # the tilde is that of a value, which no shell has expanded

case $root in "~/"*) root=$HOME/${root#"~/"} ;; esac
folder=$root/clusters/$cluster/$host
token=''
if [ -f "$folder/ray-token" ] && [ ! -L "$folder/ray-token" ] && [ -z "$(strangers "$folder" "$(id -u)")" ]; then
    token=$(head -c 4096 -- "$folder/ray-token")
fi
