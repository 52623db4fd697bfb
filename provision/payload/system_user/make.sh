# Makes the user if there is none, with a comment by which `remove` knows that we did, and a home. Notes that this
# cluster needs both.
# shellcheck disable=SC2015 # whichever of the two fails, it said why

umask 022
if ! getent passwd "$name" >/dev/null; then
    command -v useradd >/dev/null || { echo "there is no user $name, and no useradd to make it" >&2; exit 1; }
    shell=/usr/sbin/nologin
    [ -x "$shell" ] || shell=/sbin/nologin
    [ -x "$shell" ] || shell=/bin/false
    useradd --system --user-group --no-create-home --home-dir "$home" --shell "$shell" --comment "$comment" -- "$name" ||
        exit 1
fi
[ "$(id -u -- "$name")" != 0 ] || { echo "$name is root, and services are to run as an ordinary user" >&2; exit 1; }
mkdir -p -- "${home%/*}" "$claims" || exit 1
if [ ! -d "$home" ] || [ -L "$home" ]; then rm -f -- "$home" && mkdir -m 700 -- "$home" || exit 1; fi
chown -- "$name:" "$home" && chmod 700 -- "$home" || exit 1
# Below the user's folder root does nothing itself.
setpriv --reuid="$name" --regid="$(id -g -- "$name")" --clear-groups -- mkdir -p -m 700 -- "$home/tmp" || exit 1
: > "$claims/$claim"
