# How a running server is: whether it is ours that listens, whether it is well, and whether it wants its API key beyond
# /v1. The key is not shown for that, and a request without content changes nothing where it is answered. Last, one that
# has answered since it was started is asked for one token: the process with the API is well also where the engine hangs.
# shellcheck disable=SC2015 # whichever of the two fails, it was not asked

code_of() { curl -s -o /dev/null -w '%{http_code}' --noproxy '*' --max-time 10 "$@"; }
both_codes() {
    # curl cannot compare a certificate by its own digest.
    if [ -z "$certificate" ] && command -v curl >/dev/null 2>&1; then
        code_of "$health_url/health"; printf ' '
        code_of -H 'Content-Type: application/json' -d '{}' "$health_url/invocations"
    else
        export URL="$health_url" CERTIFICATE="$certificate"
        printf '%s\n' "$health_program" | as_user "$health_python" -I -S -
    fi
}
# What keeps it from answering a question. The stamp has been read, and the key is for our server alone.
silent() {
    kind=$(printf %s "$stamped" | sed -n 's/^answers=//p' | tail -n 1)
    [ -n "$kind" ] || return 0
    export URL="$health_url" MODEL="$health_model" KIND="$kind" SECONDS_LEFT=20 MARK="$mark" PID="$pid" CERTIFICATE="$certificate"
    {
        cd / && printf %s "$health_key" | { exec 3<&0; printf '%s\n' "$alive_program" | as_user "$health_python" -I -; } ||
            echo "it could not be asked a question"
    } | head -c 300 | head -n 1
}
health() {
    if ! listens "$health_port"; then echo "not listening on port $health_port"; return; fi
    if ! ours_listens "$health_host" "$health_port"; then echo "port $health_port belongs to another process"; return; fi
    codes=$(cd / && both_codes 2>/dev/null)
    case ${codes% *} in
        200) ;;
        certificate) echo "it shows another certificate"; return ;;
        0|000) echo "/health does not answer"; return ;;
        ''|*[!0-9]*) echo "it could not be asked a question"; return ;;
        *) echo "/health answers ${codes% *}"; return ;;
    esac
    case $guarded,${codes#* } in
        ,*|*,401) said=$(silent 2>/dev/null); printf '%s\n' "${said:-ok}" ;;
        *,0|*,000|*,5??) echo "whether it answers without the API key is not known" ;;
        *) echo "it answers without the API key" ;;
    esac
}
printf 'health=%s\n' "$(health)"
