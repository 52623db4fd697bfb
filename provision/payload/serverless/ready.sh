# Waits until the service listens, and answers.

n=0
until ours_listens "$address" "$port" && answered=$(well) && [ -z "$answered" ]; do
    alive || gave_up "it ended while it was starting" 60
    if listens "$port" && ! ours_listens "$address" "$port"; then gave_up "port $port is held by another process" 60; fi
    [ "$n" -lt "$seconds" ] || gave_up "it does not answer at port $port after $seconds s${answered:+: $answered}" 60
    n=$((n + 1))
    [ $((n % 5)) -ne 0 ] || echo "::progress waiting for $address:$port ($n s)"
    sleep 1
done
