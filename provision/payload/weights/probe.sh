# Nothing is hashed whole, nothing is written. As long as nothing has changed, the manifest's head is all that is told.
# Two listings are compared as text: a host has find and sort, and not always an interpreter before the environment.
# In a folder that provision brings, no link is followed, and what is no plain file is told as odd.
# shellcheck disable=SC1007 # several variables are emptied in one line

newline='
'
told() { plain "$1" && head -c 67108864 -- "$1"; }
[ -f "$mark" ] && echo "marked=yes"
for other in "${mark%.used-*}".used-*; do
    [ -f "$other" ] && [ "$other" != "$mark" ] && echo "shared=yes"
done
for other in "$models"/*.used-"$cluster"; do
    [ -f "$other" ] && [ "$other" != "$mark" ] && echo "older=yes"
done
sharer=$([ -z "$others" ] || sharing "${models%/*}" "$cluster" "$others")
[ -z "$sharer" ] || echo "kept=$sharer"
if [ -d "$models" ] && [ ! -w "$models" ]; then echo "closed=$(stat -c %U -- "$models")"; fi
expected= listed=
case $(told "$manifest" | head -n 1) in
    "provision-weights 2") version=2 ;;
    "provision-weights 1") version=1 ;;
    *) version=0 ;;
esac
if [ "$version" != 0 ]; then
    told "$manifest" | sed '1d;/^$/q' | grep -E '^(digest|bytes|files|repo|revision|commit|stamp)='
    expected=$(told "$manifest" | sed '1,/^$/d' | cut -d ' ' -f 2- | LC_ALL=C sort)
fi
shut=$(closed "$folder")
if [ -z "$shut" ] && [ -d "$folder" ]; then
    if [ ! -r "$folder" ]; then shut=$(stat -c '%U, mode %a|%n' -- "$folder")
    elif [ -z "$brings" ]; then
        # Not every find can ask that.
        shut=$(LC_ALL=C find -L "$folder" -mindepth 1 -name '.*' -prune -o \( -type f ! -readable -o -type d ! -executable \) \
            -printf '%u, mode %m|%p\n' 2>/dev/null | head -n 1)
    fi
fi
[ ! -d "$folder" ] || echo "folder=yes"
if [ -n "$shut" ]; then printf 'unreadable=%s\n' "$shut"; exit 0; fi
if [ -d "$folder" ]; then
    if [ -n "$brings" ]; then
        listed=$(cd -- "$folder" && LC_ALL=C find . -mindepth 1 -name '.*' -prune -o -name "*$newline*" -prune \
            -printf 'odd a name of several lines\n' -o -type f -printf '%s %T@ %P\n' -o ! -type d -printf 'odd %P\n' |
            LC_ALL=C sort) || exit 1
        # Where other hosts use it too, what lies in it is not this host's alone.
        if [ -e "$folder/$uses/$cluster@$host" ] || [ -z "$(others_use "$folder")" ]; then
            ours_here "$folder" "$ours" && echo "brought=yes"
            for own in "$folder/.provision-parts" "$folder/.provision-incoming"; do
                [ -e "$own" ] && echo "brought=yes"
            done
        fi
    else
        listed=$(cd -- "$folder" && LC_ALL=C find -L . -mindepth 1 -name '.*' -prune -o -type f -printf '%s %T@ %P\n' |
            LC_ALL=C sort) || exit 1
    fi
fi
[ -n "$ours" ] && [ "$version" = 1 ] && echo "brought=yes"
if [ -n "$listed" ] && [ "$listed" = "$expected" ]; then
    echo "sound=yes"
elif [ -d "$folder" ]; then
    printf '%s\n' "$listed" | sed '/^odd /!s/^/is /'
    begun=$(find "$folder" -type f \( -path '*/.provision-parts/*' -o -path '*/.provision-incoming/*' \) -printf '%s\n' |
        { total=0; while read -r size; do total=$((total + size)); done; echo "$total"; })
    echo "begun=$begun"
    [ -d "$folder/.provision-incoming/$host" ] && (
        cd -- "$folder/.provision-incoming/$host" && LC_ALL=C find . -name '.*' ! -name . -prune -o -type f -printf 'in %s %T@ %P\n'
    )
fi
