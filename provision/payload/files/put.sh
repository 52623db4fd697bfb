# Writes what standard input holds to a file: beside it and renamed, so that a reader never sees half of it, and so that
# what is there is replaced, a link too, and never written through. Arguments: path, mode, owner.

set -e
umask 077
fresh=$(mktemp -- "${1%/*}/.provision.XXXXXXXX")
trap 'rm -f -- "$fresh"' EXIT
cat > "$fresh"
chmod -- "$2" "$fresh"
# Last, since what is theirs in a folder like /tmp they could replace.
[ -z "$3" ] || chown -h -- "$3" "$fresh"
mv -fT -- "$fresh" "$1"
trap - EXIT
