# Waits until a real question has been answered.

answers() {
    exec 3<&0
    printf '%s\n' "$program" |
        URL="$url" MODEL="$model" SECONDS_LEFT="$seconds" PID="$pid" MARK="$mark" GUARDED="$guarded" LOG="$dir/log" \
            STAMP="$dir/stamp" "$python" -I -
}
printf %s "$api_key" | answers || gave_up "vLLM did not become ready" 400
