# What was recorded when all had joined, if it is of this start of the head.

read_stamp && alive && [ -f "$dir/members" ] || exit 0
{ read -r head; read -r nodes; } < "$dir/members"
[ "$head" = "$pid $start" ] && echo "nodes=$nodes"
exit 0
