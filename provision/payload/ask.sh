# One question to a model server: the one of the stamp (vllm/running.sh), whose process must hold the port. It is asked as
# the user who that runs as.

export URL="$url" MODEL="$model" SECONDS_LEFT="$seconds" MARK="$mark" PID="$pid" CERTIFICATE="$certificate"
cd / && printf %s "$api_key" | { exec 3<&0; printf '%s\n' "$program" | as_user "$python" -I -; }
