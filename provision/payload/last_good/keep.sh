# Keeps the last good start on the head, in the folder of the server: for whoever logs in alone, and as long as that is there.
# shellcheck disable=SC2088 # the tilde is that of a value, which no shell has expanded

case $root in "~/"*) root=$HOME/${root#"~/"} ;; esac
folder=$root/clusters/$cluster/$host/vllm
# A playbook of somebody's own may have none.
[ -d "$folder" ] || exit 0
exposed=$(strangers "$folder/new" "$(id -u)")
[ -z "$exposed" ] || refused "$exposed" || exit 1
printf '%s\n' "$text" | sh -c "$put" put "$folder/last-good.json" 600 ''
