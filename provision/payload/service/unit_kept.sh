# What a unit that stays is made of, beside its file: one of the system where root works, otherwise one of the user, whose
# own systemd runs for as long as the host does if the user lingers. `$first_time` holds what is so during the first start
# alone.

if [ "$me" = 0 ]; then
    kept_file=/etc/systemd/system/$unit kept_link=multi-user.target
    first_time=/run/systemd/system/$unit.d
else
    kept_file=$HOME/.config/systemd/user/$unit kept_link=default.target
    first_time=/run/user/$me/systemd/user/$unit.d
fi
kept_link=${kept_file%/*}/$kept_link.wants/$unit
ctl() {
    if [ "$me" = 0 ]; then systemctl "$@"; else XDG_RUNTIME_DIR=/run/user/$me systemctl --user "$@"; fi
}
# What a login without sudo has made before: that user's systemd would start it again. `of_login`: a command
# there.
of_login() {
    [ "$me" = 0 ] && [ "${SUDO_UID:-0}" != 0 ] && home=$(getent passwd "$SUDO_UID" | cut -d: -f6) && [ -n "$home" ] || return 1
    as_uid "$SUDO_UID" env HOME="$home" XDG_RUNTIME_DIR="/run/user/$SUDO_UID" "$@"
}
end_of_login() {
    # shellcheck disable=SC2016 # for the shell of that user
    of_login sh -c '
        file=$HOME/.config/systemd/user/$0
        [ -f "$file" ] && grep -qsxF "Description=provision: $1" "$file" || exit 0
        systemctl --user --quiet disable -- "$0"; systemctl --user stop -- "$0"
        rm -f -- "$file"; systemctl --user reset-failed -- "$0"; systemctl --user daemon-reload' "$unit" "$mark" 2>/dev/null
    return 0
}
# Beside it under a name that nothing there has: the folder is not ours alone.
kept_put() {
    file=$kept_file
    fresh=$(mktemp -- "${file%/*}/.provision.XXXXXXXX") || return 1
    if ! { cat -- "$dir/unit" > "$fresh" && chmod 644 "$fresh" && mv -fT -- "$fresh" "$file"; }; then
        rm -f -- "$fresh"
        return 1
    fi
}
unit_known() { [ "$(ctl show -p Description --value -- "$unit" 2>/dev/null)" = "provision: $mark" ]; }
forget_first() { rm -f -- "$first_time/provision-first.conf"; rmdir -- "$first_time" 2>/dev/null || true; }
# How often it has been started by itself since it last ran for ten minutes: `count`, when that began and when the last
# time was, in seconds since the epoch.
read_tries() {
    count=0 since=0 last=0
    ! is_ours "$dir/tries" f || read -r count since last < "$dir/tries"
    case "$count$since$last" in ''|*[!0-9]*) count=0 since=0 last=0 ;; esac
}
# `third time since 02:14`; with the day where that was another one.
so_often() {
    case $count in
        1) nth=first ;; 2) nth=second ;; 3) nth=third ;; 4) nth=fourth ;; 5) nth=fifth ;;
        *) nth='' ;;
    esac
    form=%H:%M
    [ "$(date -d "@$since" +%F)" = "$(date +%F)" ] || form='%F %H:%M'
    when=$(date -d "@$since" "+$form")
    if [ -n "$nth" ]; then echo "$nth time since $when"; else echo "$count times since $when"; fi
}
# How it is said that it is being started by itself; fails where it is not.
starting_again() {
    [ "$runtime" = kept ] && unit_ours "$kept_file" || return 1
    read_tries
    case $(ctl show -p ActiveState,Job -- "$unit" 2>/dev/null) in
        # Since `last` it has done its work, and has ended a moment ago.
        *ActiveState=activating*) ;;
        *Job=[1-9]*) count=0 ;;
        *) return 1 ;;
    esac
    if [ "$count" = 0 ]; then echo "it is starting again"; else echo "it is starting again, $(so_often)"; fi
}
# What a service that does not run is doing instead.
gone() {
    starting_again && return
    if [ "$runtime" = kept ] && unit_ours "$kept_file"; then
        case $(ctl show -p ActiveState --value -- "$unit" 2>/dev/null) in
            inactive) echo "its unit was stopped"; return ;;
        esac
    fi
    if [ -n "$pid" ]; then echo "its process is gone"; else echo "its stamp names no process"; fi
}
say() { echo "$(date '+%F %T') provision: $1"; }
