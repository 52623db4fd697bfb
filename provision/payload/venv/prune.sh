# Leftovers of environments with their sizes in KiB; with `remove`, they are removed. `shown`: these alone, a line each;
# what has become one since is not removed unseen.

[ -d "$envs" ] || exit 0
ours_alone
exclusive
leftovers | while IFS="$(printf '\t')" read -r place why; do
    case "$shown" in ''|*"
$place
"*) ;; *) continue ;; esac
    size=$(du -sk -- "$place" 2>/dev/null | cut -f1)
    printf '%s\t%s\t%s\n' "${size:-0}" "$place" "$why"
    [ -z "$remove" ] || rm -rf -- "$place"
done
rmdir -- "$root/cache" "$root/uploads" 2>/dev/null || :
