# One question to a model server.

export URL="$url" MODEL="$model" SECONDS_LEFT="$seconds" VLLM_API_KEY="$api_key"
printf '%s\n' "$program" | "$python" -I -
