# Waits until the ranks of this host have met all others.
# shellcheck disable=SC2015 # either of the two is reason enough

n=0
until [ "$(ranks)" -ge "$count" ]; do
    read_stamp && alive || gave_up "vLLM ended before its ranks had met the others" 400
    if [ "$n" -ge "$((seconds * 2))" ]; then
        gave_up "its ranks have not met those of the other hosts at $where within $seconds s" 400
    fi
    [ "$((n % 10))" -ne 0 ] || echo "::progress waiting until all ranks have met ($((n / 2)) s)"
    n=$((n + 1)); sleep 0.5
done
echo "::note ranks of the model that run here: $count of $count"
