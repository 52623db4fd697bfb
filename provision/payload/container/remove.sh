# Removes the programs, and the images that were loaded for them, unless a container needs one.
# shellcheck disable=SC2154 # they come with the script

images=''
if is_ours "${folder%/*}" d && is_ours "${folder%/*}/loaded" f; then
    images=$(grep -xE 'sha256:[0-9a-f]{64}' -- "${folder%/*}/loaded")
fi
# Whether they are still there, nobody can tell: programs and list stay, for the next `down --purge` to find.
if [ -n "$images" ] && ! asked; then
    # shellcheck disable=SC2086 # split into words on purpose
    echo "$engine $said, so what was loaded stays:" $images >&2
    exit 1
fi
kept=''
for one in $images; do
    why=$("$engine" rmi "$one" 2>&1 >/dev/null) || case $why in
    # The words of Docker and of Podman.
    *[Nn]"o such image"*|*"image not known"*) ;;
    *"in use"*|*"being used"*|*"is using its"*|*"multiple repositories"*|*"more than one tag"*|*"dependent child"*)
        echo "::note the image $one stays: something else on this host uses it" ;;
    *)
        echo "the image $one stays: $(printf '%s\n' "$why" | tail -n 1)" >&2
        kept="$kept$one
" ;;
    esac
done
# As above.
if [ -n "$kept" ]; then
    printf %s "$kept" > "${folder%/*}/loaded"
    exit 1
fi
# What was sent of an image of before, too.
rm -rf -- "${folder%/*}" "$inbox" "$root"/uploads/????????????."$cluster.$host"
[ ! -L "$root/envs/current-$cluster" ] || [ "$(readlink -- "$root/envs/current-$cluster")" != "$folder" ] || rm -f -- "$root/envs/current-$cluster"
rmdir -- "$root/envs" "$root/uploads" 2>/dev/null
exit 0
