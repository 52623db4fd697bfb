# Where the server that the cluster has running lies.
# shellcheck disable=SC2034 # used by the files that follow
# shellcheck disable=SC2088 # the tilde is that of a value, which no shell has expanded

case $root in "~/"*) root=$HOME/${root#"~/"} ;; esac
dir=$root/clusters/$cluster/$host/vllm
mark=$cluster/$host/vllm
echo "python=$root/envs/current-$cluster"
