# Which of the `endpoints` can be connected to from this host.
# shellcheck disable=SC2086 # split into words on purpose

printf '%s\n' "$program" | python3 -I -S -B - $endpoints
