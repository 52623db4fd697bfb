# Removes a file, and what an older version left of one.
# shellcheck disable=SC2086 # split into words on purpose

rights "$path" "$owner" || exit 1
$as rm -f -- "$path" "$path.new"
