# Removes the programs, and the images that were loaded for them, unless a container needs one.
# shellcheck disable=SC2154 # they come with the script

images='' others=''
if is_ours "${folder%/*}" d && is_ours "${folder%/*}/loaded" f; then
    images=$(grep -xE 'sha256:[0-9a-f]{64}' -- "${folder%/*}/loaded")
    # By the engine that was to run containers before this one.
    others=$(grep -xE '(docker|podman) sha256:[0-9a-f]{64}' -- "${folder%/*}/loaded")
fi
# Whether they are still there, nobody can tell: programs and list stay, for the next `down --purge` to find.
if [ -n "$images" ] && ! asked; then
    # shellcheck disable=SC2086 # split into words on purpose
    echo "$engine $said, so what was loaded stays:" $images >&2
    exit 1
fi
kept=''
# `take ENGINE IMAGE LINE`: that of the list.
take() {
    why=$("$1" rmi "$2" 2>&1 >/dev/null) || case $why in
    # The words of Docker and of Podman.
    *[Nn]"o such image"*|*"image not known"*) ;;
    *"in use"*|*"being used"*|*"is using its"*|*"multiple repositories"*|*"more than one tag"*|*"dependent child"*)
        echo "::note the image $2 stays: something else on this host uses it" ;;
    *)
        echo "the image $2 stays: $(printf '%s\n' "$why" | tail -n 1)" >&2
        kept="$kept$3
" ;;
    esac
}
for one in $images; do take "$engine" "$one" "$one"; done
while read -r of one; do
    [ -z "$one" ] || take "$of" "$one" "$of $one"
done <<END
$others
END
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
