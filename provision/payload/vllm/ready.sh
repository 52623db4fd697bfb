# Waits until a real question has been answered.

export VLLM_API_KEY="$api_key"
answers() {
    printf '%s\n' "$program" |
        URL="$url" MODEL="$model" SECONDS_LEFT="$seconds" PID="$pid" MARK="$mark" GUARDED="$guarded" LOG="$dir/log" \
            STAMP="$dir/stamp" "$python" -I -
}
answers || gave_up "vLLM did not become ready" 400
