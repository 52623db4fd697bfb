# Nothing is hashed, nothing is written. As long as nothing has changed, the manifest's head is all that is told. Two
# listings are compared as text: a host has find and sort, and not always an interpreter before the environment.
# shellcheck disable=SC1007 # several variables are emptied in one line

[ -f "$mark" ] && echo "marked=yes"
for other in "${mark%.used-*}".used-*; do
    [ -f "$other" ] && [ "$other" != "$mark" ] && echo "shared=yes"
done
for other in "$models"/*.used-"$cluster"; do
    [ -f "$other" ] && [ "$other" != "$mark" ] && echo "older=yes"
done
expected= listed=
if [ -f "$manifest" ]; then
    sed '1d;/^$/q' "$manifest"
    expected=$(sed '1,/^$/d' "$manifest" | cut -d ' ' -f 2- | LC_ALL=C sort)
fi
if [ -d "$folder" ]; then
    echo "folder=yes"
    listed=$(cd -- "$folder" && LC_ALL=C find -L . -mindepth 1 -name '.*' -prune -o -type f -printf '%s %T@ %P\n' |
        LC_ALL=C sort) || exit 1
fi
if [ -n "$listed" ] && [ "$listed" = "$expected" ]; then
    echo "sound=yes"
elif [ -d "$folder" ]; then
    printf '%s\n' "$listed" | sed 's/^/is /'
    begun=$(find "$folder" -type f \( -path '*/.provision-parts/*' -o -path '*/.incoming.*' \) -printf '%s\n' |
        { total=0; while read -r size; do total=$((total + size)); done; echo "$total"; })
    echo "begun=$begun"
fi
