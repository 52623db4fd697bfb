# Takes back what this cluster noted. The last one removes the home, and the user if we made it; a user who others have
# files of keeps them, so that is asked of nobody who was there before.

rm -f -- "$claims/$claim"
rmdir -- "$claims" 2>/dev/null || { [ ! -d "$claims" ] || exit 0; }
rmdir -- "${claims%/*}" 2>/dev/null
entry=$(getent passwd "$name") || exit 0
if [ -d "$home" ] && [ ! -L "$home" ]; then
    setpriv --reuid="$name" --regid="$(id -g -- "$name")" --clear-groups -- find "$home" -xdev -mindepth 1 -delete
    rmdir -- "$home" || exit 1
    rmdir -- "${home%/*}" "${claims%/*/*}" 2>/dev/null
fi
case $entry in *:"$comment":*) userdel -- "$name" || exit 1; echo "::note removed: user $name" ;; esac
