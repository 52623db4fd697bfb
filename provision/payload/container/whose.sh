# In which container a process is. By its cgroup, which anybody may read; a user can name one as they like below their own
# slice, so that what stands there is told by its id alone.

# `container_id PID`: `engine id`. The outermost one: that is whom the host's own engine knows.
container_id() {
    found=$(grep -m 1 -aoE '^[0-9]+:[^:]*:.*[0-9a-f]{64}' "/proc/$1/cgroup" 2>/dev/null) || return 1
    id=$(printf '%s\n' "$found" | grep -oE '[0-9a-f]{64}' | head -n 1)
    case ${found%%"$id"*} in
        *kubepods*|*cri-*|*crio-*) kind=kubernetes ;;
        *libpod-*) kind=podman ;;
        *) kind=docker ;;
    esac
    case $found in *:/user.slice/*) kind="rootless-$kind" ;; esac
    echo "$kind $id"
}
# `container_about ENGINE ID`: `engine name image since project`, `-` for what is not told. The id is shown as `docker ps` does.
container_about() {
    case $1 in docker|podman)
        # Podman prints a time as Go does, and that of its own zone.
        since='{{.State.StartedAt}}'
        [ "$1" = docker ] || since='{{.State.StartedAt.UTC.Format "2006-01-02T15:04:05Z"}}'
        set -- "$1" "$2" "$("$1" container inspect --format "{{.Name}} {{.Config.Image}} $since {{index .Config.Labels \"com.docker.compose.project\"}}" "$2" 2>/dev/null | head -n 1)"
    esac
    id=$(printf %.12s "$2")
    engine=$1
    [ -n "$3" ] || { echo "$engine $id - - -"; return; }
    set -f
    # shellcheck disable=SC2086 # split into words on purpose
    set -- $3
    set +f
    since=$(printf '%s' "$3" | sed -nE 's/^([0-9-]{10})T([0-9]{2}:[0-9]{2}).*Z$/\1T\2/p')
    # Not `echo`, which in some shells takes a backslash of somebody's label for more.
    printf '%s\n' "$engine ${1#/} $2 ${since:--} ${4:--}"
}
# `container_at PORT PID...`: the same, of who listens there. `PID`: those whose sockets they are seen to be. Where Docker's
# own proxy listens, it is who publishes the port. Sockets of others are hidden from an ordinary user, command lines are not:
# there it is whose command line names the port, which is no proof, and said with `perhaps` in front.
container_at() {
    at=$1
    shift
    for p in "$@"; do
        ! who=$(container_id "$p") || { container_about "${who% *}" "${who#* }"; return; }
    done
    who=$(docker ps -q --no-trunc --filter "publish=$at/tcp" 2>/dev/null | head -n 1)
    [ -z "$who" ] || { container_about docker "$who"; return; }
    [ $# -eq 0 ] || return 1
    # shellcheck disable=SC2013 # names of folders in /proc
    for p in $(grep -lasEz "port[= ]$at([^0-9]|\$)" /proc/[0-9]*/cmdline 2>/dev/null | cut -d/ -f3); do
        ! who=$(container_id "$p") || { printf 'perhaps %s\n' "$(container_about "${who% *}" "${who#* }")"; return; }
    done
    return 1
}
