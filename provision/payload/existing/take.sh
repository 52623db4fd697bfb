# Takes an environment into use that somebody else has made: nothing in it is written. After existing/look.sh,
# files/rights.sh and venv/imports.sh; `record`: where what it holds is written down.
# shellcheck disable=SC2034 # `env` is for the imports

set -e
umask 077
[ "$(id -u)" -ne 0 ] || umask 022
held=$(list_existing)
case $held in python=*) ;; *) echo "$existing ${held#*=}" >&2; exit 1 ;; esac
env=$existing
echo "::progress importing $mains"
[ -z "$mains" ] || try_imports 300 >/dev/null
for place in "$record" "$root/envs/new"; do
    exposed=$(strangers "${place%/*}/new" "$(id -u)")
    [ -z "$exposed" ] || refused "$exposed" || exit 1
    mkdir -p -- "${place%/*}"
done
printf '%s\n' "$held" > "$record.new"
mv -f -- "$record.new" "$record"
link=$root/envs/current-$cluster
if [ -d "$link" ] && [ ! -h "$link" ]; then echo "$link is a folder" >&2; exit 1; fi
ln -sfn -- "$existing" "$root/envs/.current-$cluster.$host"
mv -Tf -- "$root/envs/.current-$cluster.$host" "$link"
