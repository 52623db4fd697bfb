# Whether the host reaches the index that it is to fetch from. Asked only where something is to be fetched, and only
# whether anything answers there: what is asked holds no password, and certificates are uv's to judge.

ask_index() {
    [ -n "$index_at" ] && command -v curl >/dev/null 2>&1 || return 0
    said=$(export_environment; curl -sSk -o /dev/null --connect-timeout 5 --max-time 8 "$index_at" 2>&1) && return 0
    # curl's codes: no proxy of that name, no host, no connection, no answer in time.
    case $? in 5|6|7|28) echo "unreached=$(printf '%s\n' "$said" | tail -n 1)" ;; esac
}
# The same of where uv has a Python from that the host does not have: one of these will do.
ask_for_python() {
    [ -n "$python_from" ] && command -v curl >/dev/null 2>&1 || return 0
    # uv has fetched one before.
    for place in "$root"/python/cpython-"$version"[.-]*; do [ ! -d "$place" ] || return 0; done
    for place in $python_from; do
        said=$(export_environment; curl -sSk -o /dev/null --connect-timeout 5 --max-time 8 "$place" 2>&1) && return 0
        case $? in 5|6|7|28) ;; *) return 0 ;; esac
    done
    echo "pythonless=$(printf '%s\n' "$said" | tail -n 1)"
}
