# Leaves an environment as it is, and forgets that it was in use. After existing/look.sh and files/rights.sh.

exposed=$(strangers "$record" "$(id -u)")
[ -z "$exposed" ] || refused "$exposed" || exit 1
rm -f -- "$record"
link=$root/envs/current-$cluster
if [ -h "$link" ] && [ "$(readlink -- "$link")" = "$existing" ]; then rm -f -- "$link"; fi
rmdir -- "${record%/*}" "$root/envs" 2>/dev/null
exit 0
