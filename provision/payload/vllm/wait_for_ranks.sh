# Waits until as many ranks run as the model's cut wants.

n=0
until [ "$(ranks)" = "$count" ]; do
    if [ "$n" -ge 40 ]; then
        echo "$(ranks) ranks of the model run here, $count were to: look at Ray's placement on the head" >&2
        exit 1
    fi
    n=$((n + 1)); sleep 0.25
done
echo "::note ranks of the model that run here: $count of $count"
