# Whether the folder of a cluster on a host is there. Nothing is said of one that others could change. With `remove` it is
# taken away, and those above it, as far as nothing is in them; of the folder itself is said what that is.
# shellcheck disable=SC2154 # they come with the script

exposed=$(strangers "$folder/new" "$(id -u)")
[ -z "$exposed" ] || { [ -z "$remove" ] || refused "$exposed"; exit; }
[ -d "$folder" ] && [ ! -h "$folder" ] || exit 0
[ -n "$remove" ] || { echo "folder=there"; exit; }
# shellcheck disable=SC2012 # names are only shown
held=$(ls -A -- "$folder" | head -n 5 | tr '\n' ' ')
[ -z "$held" ] || { printf '::kept it stays, since this is in it: %s\n' "${held% }"; exit; }
rmdir -- "$folder" || exit 1
rmdir -- "${folder%/*}" "${folder%/*/*}" 2>/dev/null || :
