# Where the ServerlessLLM that the cluster has running lies, and where it listens: as its stamp says.
# shellcheck disable=SC2034 # used by the files that follow
# shellcheck disable=SC2088 # the tilde is that of a value, which no shell has expanded

case $root in "~/"*) root=$HOME/${root#"~/"} ;; esac
# It is believed, and the programs beside it are run, where nobody else could have put them.
exposed=$(strangers "$root" "$(id -u)")
[ -z "$exposed" ] || refused "$exposed" || exit
dir=$root/clusters/$cluster/$host/$service
mark=$cluster/$host/$service
read_stamp || { echo "ServerlessLLM is not running on this host" >&2; exit 1; }
said_flag() { printf %s "$stamped" | sed -n "s/^--$1=//p" | tail -n 1; }
user=$ran_as address=$(said_flag host) port=$(said_flag port)
# Where an image is in its place, that of the host: one in a container has none of the descriptors that it is given.
python=$root/envs/current-$cluster/bin/python
[ ! -x "${python%python}plain" ] || python=${python%python}plain
case $address in *:*) url=http://[$address]:$port ;; *) url=http://$address:$port ;; esac
