# Writes a file for `owner`, or for us. The folders above let in whom the file lets in, whatever the umask says, and
# without root they are ours alone.
# shellcheck disable=SC2086 # split into words on purpose

set -e
[ ! -d "$path" ] || [ -h "$path" ] || { echo "$path is a folder" >&2; exit 1; }
rights "$path" "$owner"
folder=${path%/*}
if [ ! -d "$folder" ]; then
    umask 077
    if [ "$me" -eq 0 ]; then case "$owner-$mode" in -*0) ;; *) umask 022 ;; esac; fi
    made='' above=$folder
    while [ -n "$above" ] && [ ! -d "$above" ]; do
        made="$above
$made"
        above=${above%/*}
    done
    $as mkdir -p -- "$folder"
    # What somebody else has put there meanwhile, where they could, is seen now.
    rights "$path" "$owner"
    # The folder of a cluster goes by itself; of another one nothing else says whose it is.
    case $path in */clusters/*/*/*) made='' ;; esac
    printf %s "$made" | while IFS= read -r one; do $as touch -- "$one/.made-by-provision" || :; done
fi
printf %s "$text" | $as sh -c "$put" put "$path" "$mode" "$owner"
