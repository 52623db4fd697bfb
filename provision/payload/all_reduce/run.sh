# The timed all-reduce, with the environment of a rank (environment.sh), and as the user who ranks run as: CUDA and torch
# write below that user's home. Nothing is imported from where we happen to be.

[ -x "$python" ] || { echo absent=yes; exit 0; }
export_environment
export ALL_REDUCE="$wanted"
cd / && printf '%s\n' "$program" | as_user "$python" -
