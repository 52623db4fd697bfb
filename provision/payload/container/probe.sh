# What a host has of an image: whether its engine answers, whether the image is there, and whether the programs that run in
# it are those that were written. Starts no container.
# shellcheck disable=SC2154 # they come with the script
# shellcheck disable=SC2016 # what the engine fills in

free_at() { df -Pk -- "$1" 2>/dev/null | awk 'NR == 2 && $4 ~ /^[0-9]+$/ { printf "%.0f", $4 * 1024 }'; }
# Of a place that may not be there yet: how much is free, and on which disk that is, by its number and its device.
room_at() { # what it is called, the place
    at=$2
    while [ ! -d "$at" ]; do at=${at%/*}; at=${at:-/}; done
    free=$(free_at "$at")
    echo "${1}room=${free:-unknown}"
    echo "${1}disk=$(stat -c %d -- "$at" 2>/dev/null) $(df -Pk -- "$at" 2>/dev/null | awk 'END { print $1 }')"
}
# Whether an image that `up` loaded before is still there: others have most of their layers in common with it.
earlier() {
    list=${folder%/*}/loaded
    [ -f "$list" ] && [ ! -h "$list" ] && [ -z "$(strangers "$list" "$(id -u)")" ] || return 1
    for one in $(head -c 65536 -- "$list" | grep -xE 'sha256:[0-9a-f]{64}'); do
        ! "$engine" image inspect --format '{{.Id}}' "$one" >/dev/null 2>&1 || return 0
    done
    return 1
}
if ! asked; then echo "engine=$said"
else
    echo "version=$said"
    about=$(about)
    line() { printf '%s\n' "$about" | sed -n "$1p"; }
    storage=$(line 2)
    [ -z "$storage" ] || echo "storage=$storage"
    groups=$(line 4)
    case $(line 6) in v[12]) groups="${groups:+$groups $(line 6)}" ;; esac
    [ -z "$groups" ] || echo "cgroups=$groups"
    id_of_image >/dev/null || {
        echo "image=$image"
        [ -z "$name" ] || "$engine" image inspect --format '{{.Id}}' "$name" 2>/dev/null | whole | sed -n 's/^sha256:/another=&/p'
        # With the image store of containerd they are in a folder of its own, which is not told.
        place=''
        case "$(line 3)" in *io.containerd*) ;; *) place=$(line 1) ;; esac
        if [ -d "$place" ]; then room_at '' "$place"; else place='' && echo "room=unknown"; fi
        ! copies || echo "copies=yes"
        ! earlier || echo "earlier=yes"
        # Where the image's file is to arrive, of which some may be there.
        [ ! -d "$inbox" ] || du -sk -- "$inbox" 2>/dev/null | awk '{ printf "arrived=%.0f\n", $1 * 1024 }'
        room_at 'inbox ' "$inbox"
        if [ -n "$place" ] && at=$(temporary "$place"); then echo "temporary=$at"; room_at 'temporary ' "$at"
        else echo "temporary room=unknown"
        fi
    }
    case $gpus in
    '') ;;
    cdi) grep -qsE 'nvidia\.com/gpu' /etc/cdi/* /var/run/cdi/* || echo "toolkit=has written no file for CDI" ;;
    *) command -v nvidia-container-runtime-hook >/dev/null 2>&1 || line 5 | grep -qw nvidia || echo "toolkit=is missing" ;;
    esac
    [ -z "$gpus" ] || nvidia-ctk --version 2>/dev/null | sed -nE 's/.*version v?([0-9][0-9.]*).*/tools=\1/p' | head -n 1
fi
# Where a file of the archive has been sent already.
[ ! -f "$inbox/$archive" ] || stat -c 'sent=%s' -- "$inbox/$archive"
for place in "$root"/uploads/????????????."$cluster.$host"; do
    if [ -d "$place" ] && [ "$place" != "$inbox" ]; then echo 'former=sent'; break; fi
done
[ -f "$folder/contained" ] && [ -z "$(strangers "$folder" "$(id -u)")" ] && {
    read -r programs < "$folder/contained"
    echo "programs=$programs"
    for name in $names; do
        [ -f "$folder/bin/$name" ] && printf '%s\n' "$text" | cmp -s - "$folder/bin/$name" || echo "changed=bin/$name"
    done
}
exit 0
