# What ServerlessLLM's head is asked about its models, and the record of what it was asked for: of this start of it, since
# it forgets them when it ends. The record is written here, and the question asked as the user who the service runs as.
# shellcheck disable=SC2015 # either of the two is reason enough
# shellcheck disable=SC2154 # set by the library

record='' now="$pid $start"
if is_ours "$dir/deployed" f; then
    { read -r of; read -r record; } < "$dir/deployed"
    [ "$of" = "$now" ] || record=''
fi
export URL="$url" WHAT="$what" ASKED="$asked" RECORD="$record" SECONDS_LEFT="$seconds"
asked_there() { cd / && printf '%s\n' "$program" | as_user "$python" -I -S - 4>&1 >&6 6>&-; }
{ new=$(asked_there); failed=$?; } 6>&1
if [ -n "$new" ]; then
    ( umask 077; printf '%s\n%s\n' "$now" "$new" > "$dir/deployed.new" ) && mv -f -- "$dir/deployed.new" "$dir/deployed" || exit 1
fi
[ "$failed" = 0 ] || exit 1
