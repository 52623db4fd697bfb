# Removes the programs, and the images that were loaded for them, unless a container needs one.
# shellcheck disable=SC2154 # they come with the script

images=''
if is_ours "${folder%/*}" d && is_ours "${folder%/*}/loaded" f; then
    images=$(grep -xE 'sha256:[0-9a-f]{64}' -- "${folder%/*}/loaded")
fi
if [ -n "$images" ] && ! "$engine" version >/dev/null 2>&1; then
    # shellcheck disable=SC2086 # split into words on purpose
    echo "::note $engine does not answer, so what was loaded stays:" $images
    images=''
fi
for one in $images; do
    "$engine" image inspect "$one" >/dev/null 2>&1 || continue
    "$engine" rmi "$one" >/dev/null 2>&1 || echo "::note the image $one stays: something else on this host uses it"
done
rm -rf -- "${folder%/*}" "$inbox"
[ ! -L "$root/envs/current-$cluster" ] || [ "$(readlink -- "$root/envs/current-$cluster")" != "$folder" ] || rm -f -- "$root/envs/current-$cluster"
rmdir -- "$root/envs" "$root/uploads" 2>/dev/null
exit 0
