# What we brought goes, also of models that were served before, unless another cluster uses it; a folder of somebody's
# own loses the files that were sent.

used() { for other in "$1".used-*; do [ -f "$other" ] && return 0; done; return 1; }
rm -f -- "$mark"
base=${manifest%.manifest}
if ! used "$base"; then
    if [ -n "$ours" ]; then
        case $folder in "$models"/?*) rm -rf -- "$folder" || exit 1 ;; *) echo "not ours: $folder" >&2; exit 1 ;; esac
    elif [ -n "$brought" ] && [ -f "$manifest" ]; then
        sed '1,/^$/d' "$manifest" | cut -d ' ' -f 4- | (
            cd -- "$folder" || exit 0
            while IFS= read -r name; do rm -f -- "$name"; done
            find . -depth -type d -empty -delete 2>/dev/null
        )
        rmdir -- "$folder" 2>/dev/null
    fi
    rm -f -- "$manifest" "$manifest.lock"
fi
for old in "$models"/*.used-"$cluster"; do
    [ -f "$old" ] || continue
    base=${old%.used-"$cluster"}
    rm -f -- "$old"
    used "$base" || rm -rf -- "$base" "$base.manifest" "$base.manifest.lock"
done
rmdir -- "$models" "${models%/*}" 2>/dev/null
:
