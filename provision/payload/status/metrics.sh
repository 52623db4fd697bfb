# What a server says of its work, by /metrics. It is asked by a program of ours, as the user who the server runs as; the
# key is for the server of the stamp alone, whose process must hold the port.
# shellcheck disable=SC2016 # a line of the stamp begins so

flag_of() { printf '%s' "$stamped" | sed -n "s/^$1=//p"; }
if alive && port=$(flag_of --port) && [ -n "$port" ]; then
    address=$(flag_of --host) scheme=http
    case $address in 0.0.0.0|::) address=$(flag_of '$VLLM_HOST_IP') ;; esac
    if ours_listens "$address" "$port"; then
        case $address in *:*) address="[$address]" ;; esac
        [ -z "$(flag_of --ssl-certfile)" ] || scheme=https
        certificate=$(flag_of certificate)
        export URL="$scheme://$address:$port" MARK="$mark" PID="$pid" CERTIFICATE="$certificate"
        cd / && printf %s "$api_key" | { exec 3<&0; printf '%s\n' "$program" | as_user timeout -k 2 20 "$python" -I - 2>&1; }
    elif [ -z "$(listeners "$address" "$port" | tr -d ' ')" ]; then echo "metrics.lost=nothing listens on port $port"
    # What the server has open can be seen, and this port is not among it.
    elif open_in "$pid" | grep -q 'socket:'; then echo "metrics.lost=another program has port $port"
    else echo "metrics.silent=port $port is not held by the server that \`up\` has started"
    fi
fi
exit 0
