# The barrier: waits until all that are expected have joined Ray.
# shellcheck disable=SC2015 # either of the two is reason enough

read_stamp && alive || { echo "the Ray head is not running" >&2; exit 1; }
# The token is shown to whoever listens there.
ours_listens "${address%:*}" "${address##*:}" ||
    { echo "$address is open, but not by the Ray head that was started: its token stays here" >&2; exit 1; }
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH="$token_file" RAY_ADDRESS="$address" RAY_USAGE_STATS_ENABLED=0
export EXPECTED="$expected" OTHERS="$others" FORMER="$former" SECONDS_LEFT="$seconds" NODE_IP="$node_ip" HOME="$home" RESOURCES="$resources"
# Ray's driver writes into the temporary folder of Ray, which is the user's; and nothing is imported from where we are.
cd / && printf '%s\n' "$program" | as_user "$python" -I - || exit 1
[ -f "$dir/members" ] || rm -rf -- "${dir:?}/members"
printf '%s\n%s\n' "$pid $start" "$nodes" > "$dir/members"
