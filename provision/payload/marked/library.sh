# Processes and units of one cluster on one host, by the mark alone: what begins with `prefix`.
# shellcheck disable=SC2153 # sudo sets both

# With the rights of whoever logged in, and of the `user` who services run as, where there is one: whose processes they
# may end, they end.
with_their_rights() {
    if [ "$(id -u)" -eq 0 ] && [ -n "$SUDO_UID" ]; then
        setpriv --reuid="$SUDO_UID" --regid="$SUDO_GID" --clear-groups -- "$@"
        if [ -n "$user" ] && id -u -- "$user" >/dev/null; then
            setpriv --reuid="$user" --regid="$(id -g -- "$user")" --clear-groups -- "$@"
        fi
    else "$@"
    fi
}
pattern=$(printf %s "$prefix" | sed 's/[.[\*^$]/\\&/g')
marked() {
    with_their_rights grep -alsz "^PROVISION_SERVICE=$pattern" /proc/[0-9]*/environ 2>/dev/null |
        cut -d/ -f3 | sort -u
}
units() {
    [ "$(id -u)" -eq 0 ] || return 0
    grep -lF "Description=provision: $prefix" /run/systemd/system/provision-*.service \
        /etc/systemd/system/provision-*.service 2>/dev/null
}
