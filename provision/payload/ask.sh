# One question to a model server: the one of the stamp (vllm/running.sh), whose process must hold the port.

export URL="$url" MODEL="$model" SECONDS_LEFT="$seconds" MARK="$mark" PID="$pid"
printf %s "$api_key" | { exec 3<&0; printf '%s\n' "$program" | "$python" -I -; }
