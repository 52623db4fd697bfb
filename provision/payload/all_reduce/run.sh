# The timed all-reduce, with the environment of a rank (environment.sh).

[ -x "$python" ] || { echo absent=yes; exit 0; }
export_environment
printf '%s\n' "$program" | ALL_REDUCE="$wanted" "$python" -
