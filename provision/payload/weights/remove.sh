# What we brought goes, also of models that were served before, unless another cluster uses it: files that are as
# provision has written them. What somebody else put there, or has changed since, stays, and is said.

used() { for other in "$1".used-*; do [ -f "$other" ] && return 0; done; return 1; }

# $1: a manifest or ledger; what is in it, as find lists it.
lines() { plain "$1" && head -c 67108864 -- "$1" | sed '1,/^$/d' | cut -d ' ' -f 2- | LC_ALL=C sort -u; }

# $1: a model's folder, $2: its manifest, $3: whether it lies in our folder of models.
clear() (
    [ -d "$1" ] && [ ! -L "$1" ] && cd -- "$1" || exit 0
    ledger=.provision-written made=$3 wrote=
    if [ -z "$3" ]; then
        # Whoever may write here could lead elsewhere with it.
        [ -L "$uses" ] || rm -f -- "$uses/$cluster@$host" || exit 1
        others=$(others_use .)
        if [ -n "$others" ]; then
            printf '::note left to %s, who use it too (a file for each in %s): %s\n' "$others" "$1/$uses" "$1"
            exit 0
        fi
        if others_unknown .; then
            printf '::note left, since who else uses it is not known of one that an earlier version brought; if nobody does: rm -r %s\n' "$1"
            exit 0
        fi
        rmdir -- "$uses" 2>/dev/null
        # A copy of a folder of ours, which somebody made with all that is in it.
        ! plain "$ledger" || ours_here "$1" "" || exit 0
    fi
    if plain "$ledger"; then
        wrote=$(lines "$ledger")
        head -n 2 -- "$ledger" | grep -qx "made=yes" && made=yes
    elif [ -n "$3" ] && plain "$2" && [ "$(head -n 1 -- "$2" 2>/dev/null)" = "provision-weights 1" ]; then
        # Before there were ledgers, all that a manifest named was ours.
        wrote=$(lines "$2")
    fi
    { printf '%s\n' "$wrote"; LC_ALL=C find . -mindepth 1 -name '.*' -prune -o -type f -printf '%s %T@ %P\n'; } |
        LC_ALL=C sort | uniq -d | cut -d ' ' -f 3- | while IFS= read -r name; do
        rm -f -- "./$name" || exit 1
        above=./${name%/*}
        while [ "$above" != "./$name" ] && [ "$above" != . ] && rmdir -- "$above" 2>/dev/null; do above=${above%/*}; done
    done || exit 1
    rm -rf -- ./.provision-parts ./.provision-incoming ./.provision-commit "./$ledger" || exit 1
    find . -mindepth 1 -name '.*' -prune -o ! -type d -printf '%P\n' | LC_ALL=C sort | head -n 5 | while IFS= read -r name; do
        printf '::note left, since it is not as provision wrote it: %s/%s\n' "$1" "$name"
    done
    # Where nobody but root may remove it (weights/removed.sh), it is empty, and would be of a user who is gone.
    [ -z "$made" ] || { cd / && rmdir -- "$1" 2>/dev/null; } || [ "$1" != "$folder" ] || : > "$manifest.made"
    :
)

if [ -d "$models" ] && [ ! -w "$models" ]; then
    echo "closed: $models belongs to $(stat -c %U -- "$models"), and not to the user whom the models are for" >&2
    exit 1
fi
rm -f -- "$mark" || exit 1
base=${manifest%.manifest}
if ! used "$base"; then
    [ -z "$brings" ] || clear "$folder" "$manifest" "$ours" || exit 1
    rm -f -- "$manifest" "$manifest.lock"
fi
for old in "$models"/*.used-"$cluster"; do
    [ -f "$old" ] || continue
    base=${old%.used-"$cluster"}
    # The second line: the folder, where it is another one than that beside the mark.
    elsewhere=$(plain "$old" && sed -n '2{/^\//p;q;}' "$old")
    rm -f -- "$old"
    used "$base" && continue
    if [ -z "$elsewhere" ]; then
        clear "$base" "$base.manifest" yes || exit 1
    elif ours_here "$elsewhere" ""; then
        clear "$elsewhere" "$base.manifest" "" || exit 1
    fi
    rm -f -- "$base.manifest" "$base.manifest.lock"
done
:
