# What Podman says of itself: there is no daemon, so that each answer comes from what is on the disk.
# shellcheck disable=SC2154 # comes with the script

# As services start theirs (program.sh), which are told no variable of the login's: another store would have the image.
unset XDG_CONFIG_HOME XDG_DATA_HOME CONTAINERS_CONF CONTAINERS_STORAGE_CONF STORAGE_DRIVER STORAGE_OPTS CONTAINER_HOST CONTAINER_CONNECTION
# An ordinary user's keeps images of its own, below that user's home, and what runs in the folder of that user's systemd.
[ "$(id -u)" = 0 ] || {
    HOME=$(getent passwd "$(id -u)" | cut -d: -f6) XDG_RUNTIME_DIR=/run/user/$(id -u)
    export HOME XDG_RUNTIME_DIR
}
# What an ordinary user lacks: a systemd that stays, without which the folder above goes with the last login; and ids of the
# host's for the other users and groups of an image, with the programs that may hand them out.
own_lacks() {
    who=$(id -un)
    if [ ! -e "/var/lib/systemd/linger/$who" ] || [ ! -S "$XDG_RUNTIME_DIR/systemd/private" ]; then
        echo "would be rootless, and end with the logins of $who"
    elif ! command -v newuidmap >/dev/null 2>&1; then echo "would be rootless, and newuidmap is not there"
    elif ! command -v newgidmap >/dev/null 2>&1; then echo "would be rootless, and newgidmap is not there"
    elif ! getsubids "$who" >/dev/null 2>&1 && ! grep -qsE "^($who|$(id -u)):" /etc/subuid; then
        echo "would be rootless, and $who has no subordinate ids"
    elif ! getsubids -g "$who" >/dev/null 2>&1 && ! grep -qsE "^($who|$(id -u)):" /etc/subgid; then
        echo "would be rootless, and $who has no subordinate ids of groups"
    else return 1
    fi
}
# The version of who answers; otherwise the reason why nobody does, and 1. It also warns on standard error where all is well.
answer() {
    # What runs no container needs none of it.
    if [ "$(id -u)" != 0 ] && [ -z "$removing" ] && own_lacks; then return 1; fi
    set -- info --format '{{.Host.Security.Rootless}} {{.Version.Version}}'
    said=$("$engine" "$@" 2>/dev/null) || { "$engine" "$@" 2>&1; return 1; }
    case $said in "true "*) [ "$(id -u)" != 0 ] || { echo "would be rootless, though root starts it"; return 1; } ;; esac
    case $gpus,$said in
    cdi,*" "[0-3].*|cdi,*" 4.0."*) echo "is ${said#* }, and takes GPUs since 4.1"; return 1 ;;
    esac
    printf '%s\n' "${said#* }"
}
about() {
    "$engine" info --format '{{.Store.GraphRoot}}
{{.Store.GraphDriverName}}

{{.Host.CgroupManager}}
{{.Host.OCIRuntime.Name}}
{{.Host.CgroupsVersion}}' 2>/dev/null
}
# An image is always known by the digest of its configuration, whichever format it has.
by_manifest() { return 1; }
# Whether a container has a copy of its image's layers: with `keep-id` (program.sh), files of root's would be another user's,
# unless what mounts the layers can say so of them.
copies() {
    [ "$(id -u)" != 0 ] || return 1
    case $("$engine" info --format '{{.Store.GraphStatus}} {{.Store.GraphOptions}}' 2>/dev/null) in
    *"Supports shifting:true"*|*fuse-overlayfs*) return 1 ;;
    esac
}
# Where Podman writes the layers of what it loads before they are an image's. Older ones do not know the field.
temporary() {
    told=$("$engine" info --format '{{.Store.ImageCopyTmpDir}}' 2>/dev/null) || return 1
    case $told in /*) printf '%s\n' "$told" ;; *) return 1 ;; esac
}
