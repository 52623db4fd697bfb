# The network proof. Both come on standard input and in the environment, so that `ps` shows neither.

printf '%s\n' "$program" | NETWORK_PROOF="$asked" "$python" -I -S -B -
