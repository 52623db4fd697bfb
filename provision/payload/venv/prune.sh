# Leftovers of environments with the KiB that are free without them; with `remove`, they are removed. `shown`: these alone,
# a line each; what has become one since is not removed unseen.

[ -d "$envs" ] || exit 0
ours_alone
exclusive || exit
# Workers keep no last good start, and have its environment.
for place in "$root"/clusters/"$cluster"/*/vllm/last-good.json; do
    [ ! -f "$place" ] || sed -n 's/.*# digest: \([0-9a-f]\{12\}\).*/goes-back-to=\1/p' "$place" 2>/dev/null || :
done
chosen() {
    leftovers | while IFS="$(printf '\t')" read -r place why; do
        case "$shown" in ''|*"
$place
"*) printf '%s\t%s\n' "$place" "$why" ;; esac
    done
}
# A file that an environment which stays has, too, is not freed; one that several of these share is, with the last of them.
# Prints the number of each place with its KiB.
freed() {
    number=0
    while IFS="$(printf '\t')" read -r place _; do
        [ -n "$place" ] || continue
        number=$((number + 1))
        find "$place" -printf "$number %y %i %n %b\n" 2>/dev/null
    done | awk '{
        seen[$3]++; last[$3] = $1; blocks[$3] = $5; names[$3] = $2 == "d" ? 1 : $4
    } END {
        for (file in seen) if (seen[file] >= names[file]) size[last[file]] += blocks[file]
        for (place in size) printf "%d %d\n", place, size[place] / 2
    }'
}
found=$(chosen)
sizes=$(printf '%s\n' "$found" | freed)
number=0
printf '%s\n' "$found" | while IFS="$(printf '\t')" read -r place why; do
    [ -n "$place" ] || continue
    number=$((number + 1))
    size=$(printf '%s\n' "$sizes" | sed -n "s/^$number //p")
    printf '%s\t%s\t%s\n' "${size:-0}" "$place" "$why"
    [ -z "$remove" ] || rm -rf -- "$place"
done
[ -z "$remove" ] || rmdir -- "$root/cache" "$root/uploads" 2>/dev/null || :
