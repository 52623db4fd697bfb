# What runs of the cluster here. Prints nothing where nothing does.

list() { while read -r one service; do printf '%s\n' "$one ($service)"; done | paste -sd, - | sed 's/,/, /g'; }
running=$(units; own_units; left_running)
[ -z "$running" ] || printf 'running=%s\n' "$(printf '%s\n' "$running" | list)"
