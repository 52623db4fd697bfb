# What a host has of an image: whether its engine answers, whether the image is there, and whether the programs that run in
# it are those that were written. Starts no container.
# shellcheck disable=SC2154 # they come with the script
# shellcheck disable=SC2016 # what Docker fills in

if ! command -v "$engine" >/dev/null 2>&1; then echo "engine=is not installed"
elif ! said=$("$engine" version --format '{{.Server.Version}}' 2>&1); then
    case $said in
    *"permission denied"*) echo "engine=may not be used by $(id -un)" ;;
    *) echo "engine=does not answer: $(printf '%s\n' "$said" | tail -n 1)" ;;
    esac
else
    echo "version=$said"
    "$engine" image inspect --format '{{.Id}}' "$image" 2>/dev/null | grep -qxF "$image" || echo "image=$image"
    [ -z "$gpus" ] || command -v nvidia-container-runtime-hook >/dev/null 2>&1 ||
        "$engine" info --format '{{range $name, $_ := .Runtimes}}{{$name}} {{end}}' 2>/dev/null | grep -qw nvidia || echo "toolkit=is missing"
fi
# Where a file of the archive has been sent already.
[ ! -f "$inbox/$archive" ] || stat -c 'sent=%s' -- "$inbox/$archive"
[ -f "$folder/contained" ] && [ -z "$(strangers "$folder" "$(id -u)")" ] && {
    read -r programs < "$folder/contained"
    echo "programs=$programs"
    for name in $names; do
        printf '%s\n' "$text" | cmp -s - "$folder/bin/$name" || echo "changed=bin/$name"
    done
}
exit 0
