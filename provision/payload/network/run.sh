# The network proof. Both come on standard input and in the environment, so that `ps` shows neither. Root starts no Python
# that somebody else could change.

if [ "$(id -u)" -eq 0 ] && [ -n "$(strangers "$python" 0)" ]; then
    echo "root does not run $python, which others could change: install the system's own python3" >&2
    exit 1
fi
printf '%s\n' "$program" | NETWORK_PROOF="$asked" "$python" -I -S -B -
