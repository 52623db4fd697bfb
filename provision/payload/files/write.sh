# Written beside and renamed, so that a reader never sees half of it. Where root works for somebody else, the folders
# above let them in, whatever root's umask says.

set -e
[ ! -d "$path" ] || { echo "$path is a folder" >&2; exit 1; }
[ -z "$owner" ] || umask 022
mkdir -p -- "${path%/*}"
umask 077
rm -f -- "$path.new"
printf %s "$text" > "$path.new"
[ -z "$owner" ] || chown -- "$owner" "$path.new"
chmod "$mode" "$path.new"
mv -fT -- "$path.new" "$path"
