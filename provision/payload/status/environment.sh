# Which environment this host has for the cluster: the digest of its lock, which names the folder.
# shellcheck disable=SC2088 # the tilde is that of a value, which no shell has expanded

case $root in "~/"*) root=$HOME/${root#"~/"} ;; esac
value=$(readlink -- "$root/envs/current-$cluster") && case $value in "$root"/*|[!/]*) echo "environment=${value##*/}" ;; *) echo "environment=$value" ;; esac
exit 0
