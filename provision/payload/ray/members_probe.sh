# What was recorded when all had joined, if it is of this start of the head.

[ -f "$dir/members" ] && read_stamp && alive || exit 0
{ read -r head; read -r nodes; } < "$dir/members"
[ "$head" = "$pid $start" ] && echo "nodes=$nodes"
exit 0
