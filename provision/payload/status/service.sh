# Which service of this host is looked at: `$service` of the cluster, as its stamp has it.
# shellcheck disable=SC2034 # used by the files that follow
# shellcheck disable=SC2088 # the tilde is that of a value, which no shell has expanded

case $root in "~/"*) root=$HOME/${root#"~/"} ;; esac
# A stamp is believed, and the programs beside it are run, where nobody else could have put them.
exposed=$(strangers "$root" "$(id -u)")
[ -z "$exposed" ] || refused "$exposed" || exit
dir=$root/clusters/$cluster/$host/$service
mark=$cluster/$host/$service
# By which it is known that it is starting again by itself, where it is carried by what does that.
runtime=kept unit=provision-$cluster-$host-$service.service
python=$root/envs/current-$cluster/bin/python
[ ! -x "${python%python}plain" ] || python=${python%python}plain
