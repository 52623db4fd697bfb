# A program of an image, in the place that it would have in an environment: run in a container of that image, on the host's
# network. Written into `bin` with its variables in front: `engine` is what runs containers, `flags` the container's, quoted,
# `user` whom it runs as. What this program has in its environment goes to the container by standard input, so that no secret
# is in an argument, a file, or what `docker inspect` shows.
# shellcheck disable=SC2154 # the variables in front
# shellcheck disable=SC2016 # for the shell in the container
# shellcheck disable=SC2034 # used by the words that are put together

program=${0##*/}
# With the image store of containerd, the image has another id on each host (container/has.sh).
[ ! -f "${0%/bin/*}/reference" ] || read -r image < "${0%/bin/*}/reference"
[ "$program" != python ] || program=python3
mark=$PROVISION_SERVICE
environment=$( (unset PATH PWD OLDPWD SHLVL _; export -p) | base64 | tr -d '\n')
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# Without this, a client takes settings and credentials from the home folder of whoever starts it.
export PATH HOME=/nonexistent
# Nor from the inventory's `env`, which is for the container: the image was loaded without it (podman.sh, docker.sh).
unset XDG_CONFIG_HOME XDG_DATA_HOME CONTAINERS_CONF CONTAINERS_STORAGE_CONF STORAGE_DRIVER STORAGE_OPTS CONTAINER_HOST CONTAINER_CONNECTION
unset DOCKER_HOST DOCKER_CONTEXT DOCKER_CONFIG DOCKER_TLS_VERIFY DOCKER_CERT_PATH
# An ordinary user's Podman has its images below that user's home. In the container, that user has the same id as outside.
own=''
if [ "${engine##*/}" = podman ] && [ "$(id -u)" != 0 ]; then
    HOME=$(getent passwd "$(id -u)" | cut -d: -f6) XDG_RUNTIME_DIR=/run/user/$(id -u) own='--userns=keep-id'
    export XDG_RUNTIME_DIR
fi
taking='ulimit -n "$(ulimit -Hn)" 2>/dev/null; IFS= read -r e && eval "$(printf %s "$e" | base64 -d)" && exec "$0" "$@"'
old=$IFS; IFS='
'
set -f
volumes=''
for place in $mounts; do
    [ ! -e "${place%:ro}" ] || volumes="$volumes
--volume
${place%:ro}:$place"
done
eval "set -- \$volumes $flags \"\$image\" sh -c \"\$taking\" \"\$program\" \"\$@\""
IFS=$old; set +f
set -- --interactive --rm ${own:+"$own"} --user "$(id -u -- "$user"):$(id -g -- "$user")" "$@"
if [ -n "$mark" ]; then
    name=provision-$(printf %s "$mark" | tr / -)
    found=$("$engine" container inspect --format '{{index .Config.Labels "provision"}}' "$name" 2>/dev/null) && {
        [ "$found" = "$mark" ] || { echo "the container $name is not provision's: it has no label \`provision=$mark\`" >&2; exit 1; }
        "$engine" rm --force "$name" >/dev/null || exit 1
    }
    # One whose removal was cut off is not known to `inspect` any more, and keeps its name.
    [ -n "$found" ] || {
        left=$("$engine" ps --all --quiet --no-trunc --filter "label=provision=$mark" 2>/dev/null)
        # shellcheck disable=SC2086 # split into words on purpose
        [ -z "$left" ] || "$engine" rm --force $left >/dev/null || exit 1
    }
    exec "$engine" run --name "$name" --label "provision=$mark" "$@" <<END
$environment
END
fi
{ printf '%s\n' "$environment"; cat; } | "$engine" run --label provision=tool "$@"
