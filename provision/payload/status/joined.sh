# Who had joined Ray when that was last counted, if it was for this start of the head.

if alive && is_ours "$dir/members" f; then
    { read -r head; read -r nodes; } < "$dir/members"
    [ "$head" != "$pid $start" ] || echo "nodes=$nodes"
fi
