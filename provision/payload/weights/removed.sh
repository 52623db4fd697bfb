# After all else is gone: the folders, as far as they are empty.

status=$?
rmdir -- "$models" "${models%/*}" 2>/dev/null
exit "$status"
