# Begins anew when one of `held_places` is not any more what it was.

export PLACES="$held_places"
lost=$(printf '%s\n' "$held_program" | as_user "$held_python" -I -S -) && [ -n "$lost" ] && begin_anew "$lost"
