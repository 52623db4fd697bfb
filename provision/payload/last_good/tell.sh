# Prints the last good start that this host keeps, if it keeps one that nobody else could have written.
# shellcheck disable=SC2088 # the tilde is that of a value, which no shell has expanded

case $root in "~/"*) root=$HOME/${root#"~/"} ;; esac
file=$root/clusters/$cluster/$host/vllm/last-good.json
if [ -f "$file" ] && [ ! -h "$file" ] && [ -z "$(strangers "$file" "$(id -u)")" ]; then head -c 16777216 -- "$file"; fi
