# What is left in the folder of a cluster on a host, apart from what steps of the playbook have there: `covered`, names, a
# line each. Nothing is said of a folder that others could change. Removed with `remove`, and the folders above once they
# are empty.

exposed=$(strangers "$folder/new" "$(id -u)")
[ -z "$exposed" ] || { [ -z "$remove" ] || refused "$exposed"; exit; }
[ -d "$folder" ] && [ ! -h "$folder" ] || exit 0
for place in "$folder"/* "$folder"/.[!.]*; do
    [ -e "$place" ] || [ -h "$place" ] || continue
    name=${place##*/}
    case "
$covered
" in *"
$name
"*) continue ;; esac
    if [ -z "$remove" ]; then printf 'left=%s\n' "$name"
    else rm -rf -- "$place" && printf '::note removed: %s\n' "$place" || exit 1
    fi
done
[ -z "$remove" ] || rmdir -- "$folder" "${folder%/*}" "${folder%/*/*}" 2>/dev/null || :
