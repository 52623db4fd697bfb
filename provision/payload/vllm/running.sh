# Where the server that the cluster has running lies.
# shellcheck disable=SC2034 # used by the files that follow
# shellcheck disable=SC2088 # the tilde is that of a value, which no shell has expanded

case $root in "~/"*) root=$HOME/${root#"~/"} ;; esac
# A server is believed, and the programs beside it are run, where nobody else could have put them.
exposed=$(strangers "$root" "$(id -u)")
[ -z "$exposed" ] || refused "$exposed" || exit
dir=$root/clusters/$cluster/$host/vllm
mark=$cluster/$host/vllm
# By which it is known that it is starting again by itself, where it is carried by what does that.
runtime=kept unit=provision-$cluster-$host-vllm.service
python=$root/envs/current-$cluster
echo "python=$python"
[ ! -x "$python/bin/plain" ] || echo "plain=$python/bin/plain"
