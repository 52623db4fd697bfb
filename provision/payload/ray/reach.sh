# Waits until the first of `places` greets, however long that takes.

export PLACES="$places" SECONDS_LEFT=60
until printf '%s\n' "$program" | as_user "$python" -I -S - 2>/dev/null; do
    [ -n "$told" ] || say "waiting for ${places#* * } at ${places%% *}"
    told=yes
    sleep 1
done
