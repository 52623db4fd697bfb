# Waits until a Ray node is up. Whether the right nodes have joined is asked elsewhere (members.sh); this is whether it
# came up at all. A raylet can listen and still end seconds later, while it registers, so Ray's own word is waited for
# as well; but not for ever, since that word is only a line of its log. A port that somebody else has taken is none of
# Ray's: what waits for this shows the token there.

n=0 listening=0
until [ "$listening" -gt 0 ] && { this_start | grep -q 'Ray runtime started' || [ "$listening" -gt 120 ]; }; do
    alive || gave_up "Ray ended while it was starting" 60
    [ "$n" -lt 300 ] || gave_up "Ray does not listen on port $port after 75 s$(listens "$port" && echo ": another process has it")" 60
    if ours_listens "$address" "$port"; then listening=$((listening + 1)); else n=$((n + 1)); fi
    [ $(((n + listening) % 20)) -ne 0 ] || echo "::progress waiting for Ray ($(((n + listening) / 4)) s)"
    sleep 0.25
done
