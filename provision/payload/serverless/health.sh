# How a running service is: whether it is ours that listens, and whether that is well.

health() {
    if ! listens "$port"; then echo "not listening on port $port"
    elif ! ours_listens "$address" "$port"; then echo "port $port belongs to another process"
    else said=$(well); printf '%s\n' "${said:-ok}"; fi
}
printf 'health=%s\n' "$(health)"
