# What the environment holds, what it held when it was taken into use, and whether it is in use: after existing/look.sh.

list_existing
if [ -f "$record" ] && [ ! -h "$record" ] && [ -z "$(strangers "$record" "$(id -u)")" ]; then
    sed 's/^/was./' < "$record"
fi
link=$root/envs/current-$cluster
if [ -h "$link" ] && [ "$(readlink -- "$link")" = "$existing" ]; then echo "current=yes"; fi
exit 0
