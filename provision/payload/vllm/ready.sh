# Waits until a real question has been answered. It is asked as the user who the service runs as; its stamp and log, which
# are ours, are opened here.

answers() {
    exec 3<&0
    cd / && export URL="$url" MODEL="$model" SECONDS_LEFT="$seconds" PID="$pid" MARK="$mark" GUARDED="$guarded" &&
        printf '%s\n' "$program" | as_user "$python" -I - 4>> "$dir/stamp" 5< "$dir/log"
}
printf %s "$api_key" | answers || gave_up "vLLM did not become ready" 400
