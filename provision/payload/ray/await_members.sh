# Waits until the head does its work, and `count_members` has seen all of its members; it is that of head_dir.
# shellcheck disable=SC2030 # the head's, and not the service's, for as long as the brackets reach
# shellcheck disable=SC2034 # used by the library

head_ready() { ( dir=$head_dir mark=$head_mark unit=$head_unit; read_stamp && alive && grep -qs '^ready=' "$dir/stamp" ); }
count_head() { ( dir=$head_dir mark=$head_mark unit=$head_unit; count_members >/dev/null ); }
say "waiting for the Ray head and its members"
until head_ready && count_head; do sleep 3; done
say "all members have joined Ray"
