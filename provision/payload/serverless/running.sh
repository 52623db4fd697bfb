# Whether ServerlessLLM runs on its head, and is what listens there: nobody else is told anything.
# shellcheck disable=SC2015 # either of the two is reason enough

read_stamp && alive || { echo "ServerlessLLM is not running on this host" >&2; exit 1; }
printf %s "$stamped" | grep -q '^ready=' || { echo "ServerlessLLM is still starting on this host" >&2; exit 1; }
ours_listens "$address" "$port" || { echo "port $port is not held by the ServerlessLLM that was started" >&2; exit 1; }
