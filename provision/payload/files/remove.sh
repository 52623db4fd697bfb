# Removes a file, and what an older version left of one.
# shellcheck disable=SC2086 # split into words on purpose

rights "$path" "$owner" || exit 1
$as rm -f -- "$path" || exit
# Elsewhere a file of that name is somebody's.
case $path in */clusters/*/*/*) $as rm -f -- "$path.new" ;; esac
