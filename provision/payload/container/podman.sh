# What Podman says of itself: there is no daemon, so that each answer comes from what is on the disk.
# shellcheck disable=SC2154 # comes with the script

# The version of who answers; otherwise the reason why nobody does, and 1. An ordinary user's Podman keeps images of its own,
# and gives containers other users and groups than the host's.
answer() {
    said=$("$engine" info --format '{{.Host.Security.Rootless}} {{.Version.Version}}' 2>&1) || {
        # Much may be missing for that one alone, as newuidmap.
        [ "$(id -u)" = 0 ] || said="would be rootless"
        printf '%s\n' "$said"
        return 1
    }
    case $gpus,$said in
    *,"true "*) echo "would be rootless"; return 1 ;;
    cdi,*" "[0-3].*|cdi,*" 4.0."*) echo "is ${said#* }, and takes GPUs since 4.1"; return 1 ;;
    esac
    printf '%s\n' "${said#* }"
}
about() {
    "$engine" info --format '{{.Store.GraphRoot}}
{{.Store.GraphDriverName}}

{{.Host.CgroupManager}}
{{.Host.OCIRuntime.Name}}' 2>/dev/null
}
cgroup_version() { "$engine" info --format ' {{.Host.CgroupsVersion}}' 2>/dev/null; }
# An image is always known by the digest of its configuration, whichever format it has.
by_manifest() { return 1; }
