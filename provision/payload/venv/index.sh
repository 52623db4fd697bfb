# Whether the host reaches where it is to fetch from. Asked only where something is to be fetched, and only whether anything
# answers there: what is asked holds no password, and certificates are uv's to judge.

# One that says nothing of it counts as reached, as it does where the host has nothing to ask with.
reached() { # URL; `said`: why not
    if command -v curl >/dev/null 2>&1; then
        said=$(
            export_environment
            curl -sSk -o /dev/null -w '\nhttp=%{http_code},%{http_connect}\n' --connect-timeout 5 --max-time 8 "$1" 2>&1
        )
    elif command -v python3 >/dev/null 2>&1; then
        said=$(export_environment; printf '%s\n' "$asking" | python3 -I -S -B - "$1" 2>&1) && return 0
    else
        return 0
    fi
    code=$?
    # A proxy that wants a password, or another one, also where it is to connect to another server.
    case $said in *http=407,*|*http=*,407*) said="the proxy wants a user and a password, or others (407)"; return 1 ;; esac
    # curl's codes: no proxy of that name, no host, no connection, no answer in time.
    case $code in 5|6|7|28) said=$(printf '%s\n' "$said" | grep -v -e '^http=' -e '^$' | tail -n 1); return 1 ;; esac
    return 0
}
ask_index() {
    for place in $index_at; do
        reached "$place" || { printf 'unreached=%s\n' "$place $said"; return 0; }
    done
}
# The same of where uv has a Python from that the host does not have: one of these will do.
ask_for_python() {
    [ -n "$python_from" ] || return 0
    # uv has fetched one before.
    for place in "$root"/python/cpython-"$version"[.-]*; do [ ! -d "$place" ] || return 0; done
    for place in $python_from; do
        ! reached "$place" || return 0
    done
    printf 'pythonless=%s\n' "$said"
}
