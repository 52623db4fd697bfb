# What an environment holds that somebody else has made, after files/trust.sh: `existing`, its folder. Its own Python is
# asked, so nobody else may be able to change that: with sudo, root runs it. Writes nothing.

# The first of these that others could change.
open_to() { # uids
    for place in "$existing/bin" "$existing/bin/python" "$existing"/lib/python3*/site-packages; do
        [ -e "$place" ] || continue
        found=$(strangers "$place" "$1")
        [ -z "$found" ] || { printf '%s\n' "$found"; return 0; }
    done
    found=$(find "$existing"/lib/python3*/site-packages -maxdepth 1 ! -type l -perm -002 -print -quit 2>/dev/null)
    [ -z "$found" ] || strangers "$found" "$1"
}
list_existing() {
    if [ ! -d "$existing" ]; then echo "lacks=does not exist"
    elif [ ! -x "$existing/bin/python" ]; then echo "lacks=has no \`bin/python\`"
    elif exposed=$(open_to "$(id -u)") && [ -n "$exposed" ]; then echo "exposed=$exposed"
    else
        listing=$(cd / && printf '%s\n' "$listing_program" | HOME=/nonexistent "$existing/bin/python" -I -B - 2>/dev/null) &&
            printf '%s\n' "$listing" || echo "lacks=has a Python that does not run"
    fi
}
