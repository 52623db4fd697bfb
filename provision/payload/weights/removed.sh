# After all else is gone: the folders, as far as they are empty.

status=$?
if [ -f "$manifest.made" ]; then
    rm -f -- "$manifest.made"
    [ -L "$folder" ] || rmdir -- "$folder" 2>/dev/null
fi
rmdir -- "$models" 2>/dev/null
exit "$status"
