# A folder for the models in ServerlessLLM's own format, which the user who the services run as can write.

if [ "$what" = probe ]; then
    [ -d "$path" ] || exit 0
    if as_user test -w "$path"; then echo folder=writable; else echo "folder=not writable for ${user:-$(id -un)}"; fi
    exit 0
fi
as_user mkdir -p -- "$path" || exit 1
as_user test -w "$path" || { echo "$path cannot be written by ${user:-$(id -un)}" >&2; exit 1; }
