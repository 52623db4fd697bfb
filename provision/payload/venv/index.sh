# Whether the host reaches the index that it is to fetch from. Asked only where something is to be fetched, and only
# whether anything answers there: what is asked holds no password, and certificates are uv's to judge.

ask_index() {
    [ -n "$index_at" ] && command -v curl >/dev/null 2>&1 || return 0
    said=$(export_environment; curl -sSk -o /dev/null --connect-timeout 5 --max-time 8 "$index_at" 2>&1) && return 0
    # curl's codes: no proxy of that name, no host, no connection, no answer in time.
    case $? in 5|6|7|28) echo "unreached=$(printf '%s\n' "$said" | tail -n 1)" ;; esac
}
