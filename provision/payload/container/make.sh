# Loads an image that has arrived, and writes the programs that run in it.
# shellcheck disable=SC2154 # they come with the script

umask 077
loaded=''
found=$(id_of_image) || {
    if [ -n "$pulled" ]; then
        echo "::progress pulling the image"
        "$engine" pull --quiet "$pulled" >/dev/null || exit 1
        found=$(id_of_image) || { echo "$pulled is not the image $image" >&2; exit 1; }
    else
        [ -f "$inbox/$archive" ] || { echo "the image $image is not here, and its file has not arrived" >&2; exit 1; }
        echo "::progress loading the image"
        "$engine" load --quiet --input "$inbox/$archive" >/dev/null || exit 1
        found=$(id_of_image) || { echo "the file did not hold the image $image" >&2; exit 1; }
    fi
    loaded=yes
}
# What was sent of an image of before, too.
rm -rf -- "$inbox" "$root"/uploads/????????????."$cluster.$host"
place=${folder%/*/*}
# Of the images that were loaded for this cluster, one a line: what was there before is not provision's to remove.
record=''
if is_ours "$place" d && is_ours "${folder%/*}" d && is_ours "${folder%/*}/loaded" f; then
    # What another engine has loaded, before `runtime.container` was changed, has its name in front.
    of=$(sed -n 's/^engine=//p' "${folder%/*}"/*/bin/python 2>/dev/null | head -n 1)
    [ "$of" != "${engine##*/}" ] || of=''
    listed=$(sed "${of:+s/^sha256:/$of &/;}s/^${engine##*/} //" -- "${folder%/*}/loaded")
    record=$(printf '%s\n' "$listed" | grep -vxF -e "$found" -e '')
    if [ -z "$loaded" ] && printf '%s\n' "$listed" | grep -qxF -e "$found"; then loaded=yes; fi
fi
[ -z "$loaded" ] || record="$record
$found"
(
    umask 022
    # With sudo, another user runs what is below; otherwise it is ours alone.
    { [ "$(id -u)" -ne 0 ] || { mkdir -p -- "$root" && chmod 755 -- "$root"; }; } &&
    mkdir -p -- "$place" && is_ours "$place" d && rm -rf -- "${folder%/*}" && mkdir -p -- "$folder/bin" &&
        for name in $names; do
            printf '%s\n' "$text" > "$folder/bin/$name" && chmod 755 "$folder/bin/$name" || exit 1
        done &&
        { [ "$found" = "$image" ] || printf '%s\n' "$found" > "$folder/reference"; } &&
        ln -s "$plain" "$folder/bin/plain" && printf '%s\n' "$programs" > "$folder/contained" &&
        { [ -z "$record" ] || printf '%s\n' "$record" > "${folder%/*}/loaded"; } && mkdir -p -- "$root/envs" && ln -sfn -- "$folder" "$root/envs/current-$cluster"
) || { echo "$folder cannot be made, or others can write the folder above" >&2; exit 1; }
