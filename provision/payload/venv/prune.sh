# Leftovers of environments with their sizes in KiB, or, with `remove`, without them.

[ -d "$envs" ] || exit 0
ours_alone
exclusive
leftovers | while IFS="$(printf '\t')" read -r place why; do
    size=$(du -sk -- "$place" 2>/dev/null | cut -f1)
    printf '%s\t%s\t%s\n' "${size:-0}" "$place" "$why"
    [ -z "$remove" ] || rm -rf -- "$place"
done
rmdir -- "$root/cache" "$root/uploads" 2>/dev/null || :
