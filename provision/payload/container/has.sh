# Whether the engine answers, and whether an image is here, by the digest of its configuration. Where one may be known by another (docker.sh, podman.sh), it
# is the one whose layers and variables are `content`, and `reference` keeps what it is called.
# shellcheck disable=SC2154 # they come with the script
# shellcheck disable=SC2016 # what the engine fills in

# Whether the engine answers. `said`: its version; otherwise, with 1, what is the matter with it.
asked() {
    command -v "$engine" >/dev/null 2>&1 || { said='is not installed'; return 1; }
    ! said=$(answer) || return 0
    case ${engine##*/},$said in
    "podman,would be "*|"podman,is "*) ;;
    # Of its socket. Podman says it of whatever file of its own cannot be read.
    docker,*"permission denied"*) said="may not be used by $(id -un)" ;;
    *) said="does not answer: $(printf '%s\n' "$said" | tail -n 1)" ;;
    esac
    return 1
}
# Docker's client ends what it prints with an empty line.
content_of() {
    "$engine" image inspect --format '{{range .RootFS.Layers}}{{println .}}{{end}}{{range .Config.Env}}{{println .}}{{end}}' \
        "$1" 2>/dev/null | sed '${/^$/d;}' | sha256sum | cut -d' ' -f1
}
# Podman leaves out of an id what it is made with.
whole() { sed -E 's/^[0-9a-f]{64}$/sha256:&/'; }
# The image's id here; nothing where it is not. What was found before is looked at first.
id_of_image() {
    ! "$engine" image inspect --format '{{.Id}}' "$image" 2>/dev/null | whole | grep -xF "$image" || return 0
    [ -n "$content" ] && by_manifest || return 1
    before=''
    [ ! -f "$folder/reference" ] || read -r before < "$folder/reference"
    for one in $before $("$engine" image ls --quiet --no-trunc 2>/dev/null); do
        [ "$(content_of "$one")" != "$content" ] || { echo "$one"; return; }
    done
    return 1
}
