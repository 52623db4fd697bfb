# Waits until a real question has been answered. It is asked as the user who the service runs as; its log, which is ours,
# is opened here. The stamp is not: from a process of its own that user can take every descriptor (pidfd_getfd). How it
# was answered comes back by descriptor 4, and only a kind that `alive.py` can ask for again is noted.

answers() {
    exec 3<&0
    cd / && export URL="$url" MODEL="$model" SECONDS_LEFT="$seconds" PID="$pid" MARK="$mark" GUARDED="$guarded" CERTIFICATE="$certificate" &&
        printf '%s\n' "$program" | as_user "$python" -I - 4>&1 >&6 6>&- 5< "$dir/log"
}
# No more is read than the longest of them has: what asks is that user's.
{ kind=$({ printf %s "$api_key" | answers || printf ' failed'; } | head -c 64); } 6>&1
case $kind in
    'chat completion'|completion|embedding|pooling) ;;
    *' failed') gave_up "vLLM did not become ready" 400 ;;
    *) gave_up "vLLM's answer was no answer" 400 ;;
esac
echo "answers=$kind" >> "$dir/stamp"
