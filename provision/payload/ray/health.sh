# Whether Ray's servers on this host greet whoever connects. It is known to run already.

export PLACES="$health_places"
silent=$(printf '%s\n' "$health_program" | as_user "$health_python" -I -S -)
echo "health=${silent:-ok}"
