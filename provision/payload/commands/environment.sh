# With the programs of the cluster's environment, Ray's address and its token: that of the file, which is in no argument
# list and no variable. As the user who the services run as, whose token it is.
# shellcheck disable=SC2034 # `mark` is for the library
# shellcheck disable=SC2088 # the tilde is that of a value, which no shell has expanded

case $root in "~/"*) root=$HOME/${root#"~/"} ;; esac
exposed=$(strangers "$root" "$(id -u)")
[ -z "$exposed" ] || refused "$exposed" || exit
programs=$root/envs/current-$cluster/bin
[ -x "$programs/python" ] || { echo "there is no environment of \`$cluster\` here: \`provision up\` makes it" >&2; exit 1; }
PATH=$programs:/usr/local/cuda/bin:$PATH
export PATH
folder=$root/clusters/$cluster/$host
dir=$folder/ray mark=$cluster/$host/ray
if read_stamp; then
    flag_of() { printf '%s' "$stamped" | sed -n "s/^--$1=//p"; }
    RAY_ADDRESS=$(flag_of address)
    [ -n "$RAY_ADDRESS" ] || RAY_ADDRESS=$(flag_of node-ip-address):$(flag_of port)
    export RAY_ADDRESS RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH="$folder/ray-token"
fi
case $user in ''|"$(id -un)") ;; *) HOME=$(getent passwd "$user" | cut -d: -f6); export HOME; cd / || exit ;; esac
