# What a host has of an image: whether its engine answers, whether the image is there, and whether the programs that run in
# it are those that were written. Starts no container.
# shellcheck disable=SC2154 # they come with the script
# shellcheck disable=SC2016 # what the engine fills in

free_at() { df -Pk -- "$1" 2>/dev/null | awk 'NR == 2 && $4 ~ /^[0-9]+$/ { printf "%.0f", $4 * 1024 }'; }
# Where the image's file is to arrive, of which some may be there. `inbox_room PLACE`: whether that is in one file system
# with the images.
inbox_room() {
    [ ! -d "$inbox" ] || du -sk -- "$inbox" 2>/dev/null | awk '{ printf "arrived=%.0f\n", $1 * 1024 }'
    at=$inbox
    while [ ! -d "$at" ]; do at=${at%/*}; at=${at:-/}; done
    # Subvolumes of one file system have numbers of their own, and the device's name.
    for about in "stat -c %d" "df -Pk"; do
        one=$($about -- "$at" 2>/dev/null | awk 'END { print $1 }')
        [ -n "$1" ] && [ "$one" = "$($about -- "$1" 2>/dev/null | awk 'END { print $1 }')" ] || continue
        case $about,$one in stat*|*,/*) echo "together=yes"; return ;; esac
    done
    echo "inbox room=$(free_at "$at")"
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
    [ -z "$groups" ] || echo "cgroups=$groups$(cgroup_version | grep -x ' v[12]')"
    id_of_image >/dev/null || {
        echo "image=$image"
        [ -z "$name" ] || "$engine" image inspect --format '{{.Id}}' "$name" 2>/dev/null | whole | sed -n 's/^sha256:/another=&/p'
        # With the image store of containerd they are in a folder of its own, which is not told.
        free=''
        case "$(line 3)" in
        *io.containerd*) ;;
        *) place=$(line 1); [ ! -d "$place" ] || free=$(free_at "$place") ;;
        esac
        echo "room=${free:-unknown}"
        ! copies || echo "copies=yes"
        ! earlier || echo "earlier=yes"
        inbox_room "${free:+$place}"
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
