# Whether the folder of a cluster on a host is there. Nothing is said of one that others could change. With `remove` it is
# taken away, and those above it, as far as nothing is in them.
# shellcheck disable=SC2154 # they come with the script

exposed=$(strangers "$folder/new" "$(id -u)")
[ -z "$exposed" ] || { [ -z "$remove" ] || refused "$exposed"; exit; }
[ -d "$folder" ] && [ ! -h "$folder" ] || exit 0
if [ -z "$remove" ]; then echo "folder=there"
else rmdir -- "$folder" "${folder%/*}" "${folder%/*/*}" 2>/dev/null || :
fi
