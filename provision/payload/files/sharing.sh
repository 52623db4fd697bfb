# Which hosts use our folder too. A host whose environment was made here, or which has a service's folder here, shares it:
# `root` may be a home folder on a file server.

sharing() { # our folder, the cluster, names of other hosts: one of them that shares it
    place=$1 of=$2
    for name in $3; do
        if [ -e "$place/envs/.users-$of/$name" ] || [ -d "$place/clusters/$of/$name" ]; then
            echo "$name"
            return
        fi
    done
}
