# Whether this cluster has noted that it needs the user, and how user and home are.

[ -f "$claims/$claim" ] || exit 0
echo claimed=yes
getent passwd "$name" >/dev/null && echo exists=yes
[ -z "$(find "$home" -prune -type d -user "$name" ! -perm /077 2>/dev/null)" ] || echo home=yes
exit 0
