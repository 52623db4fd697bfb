# Which models ServerlessLLM has, where it runs; and nothing where it does not.
# shellcheck disable=SC2154 # set by the library

read_stamp && alive && ours_listens "$address" "$port" || exit 0
record='' now="$pid $start"
if is_ours "$dir/deployed" f; then
    { read -r of; read -r record; } < "$dir/deployed"
    [ "$of" = "$now" ] || record=''
fi
export URL="$url" WHAT="$what" ASKED='' RECORD="$record" SECONDS_LEFT=20
cd / && printf '%s\n' "$program" | as_user "$python" -I -S - || true
