# Removes a file, what an older version left of one, and the folders that were made for it, while nothing else is in them.
# shellcheck disable=SC2086 # split into words on purpose

rights "$path" "$owner" || exit 1
$as rm -f -- "$path" || exit
# Elsewhere a file of that name is somebody's.
case $path in */clusters/*/*/*) $as rm -f -- "$path.new" ;; esac
folder=${path%/*} ours=.made-by-provision
while [ -f "$folder/$ours" ] && [ ! -h "$folder/$ours" ]; do
    # shellcheck disable=SC2012 # names are only compared
    [ "$($as ls -A -- "$folder" | head -n 2)" = "$ours" ] || break
    $as rm -f -- "$folder/$ours"
    $as rmdir -- "$folder" || break
    folder=${folder%/*}
done
:
