# Removes the programs, and the image if it was loaded for them, and no container needs it any more.
# shellcheck disable=SC2154 # they come with the script

rm -rf -- "${folder%/*}" "$inbox"
[ ! -L "$root/envs/current-$cluster" ] || [ "$(readlink -- "$root/envs/current-$cluster")" != "$folder" ] || rm -f -- "$root/envs/current-$cluster"
rmdir -- "$root/envs" "$root/uploads" 2>/dev/null
ours=${folder%/*/*}/image-loaded
if grep -qxF "$image" "$ours" 2>/dev/null && "$engine" image inspect "$image" >/dev/null 2>&1; then
    "$engine" rmi "$image" >/dev/null 2>&1 || echo "::note the image $image stays: something else on this host uses it"
fi
rm -f -- "$ours"
exit 0
