# A unit of systemd that stays, of the system or of a user: it is started again when the service ends, however it ends, and
# when the host boots. Only the first start is never repeated: whoever asked for it is told why it failed.

kept_start() {
    refuse_foreign "$kept_file" && refuse_foreign "/run/systemd/system/$unit" || return 1
    ( umask 022; mkdir -p -- "${kept_file%/*}" ) || return 1
    kept=yes unit_text > "$dir/unit" && kept_put || return 1
    ( umask 022; mkdir -p -- "$first_time" && printf '[Service]\nRestart=no\n' > "$first_time/provision-first.conf" ) || return 1
    ctl daemon-reload && ctl start -- "$unit"
}
kept_stop() {
    end_of_login
    file=$kept_file
    [ -w "${file%/*}" ] || return 0
    # systemd goes on with one whose file somebody has removed.
    unit_ours "$file" || unit_masked "$file" || { [ ! -e "$file" ] && unit_known; } || return 0
    ctl stop -- "$unit" 2>/dev/null
    ctl --quiet disable -- "$unit" 2>/dev/null
    rm -f -- "$file" "$kept_link"
    forget_first
    ctl reset-failed -- "$unit" 2>/dev/null
    ctl daemon-reload
}
kept_said() { [ -s "$dir/log" ] || ctl status --no-pager -n 5 -- "$unit" >&2; }
kept_has() {
    systemd_has "$1" || cut -d: -f3- "/proc/$1/cgroup" 2>/dev/null |
        grep -qxF "/user.slice/user-$me.slice/user@$me.service/app.slice/$unit"
}
# It has done its work once: from now on it is kept. Also puts back what somebody took away meanwhile.
kept_ready() {
    file=$kept_file
    refuse_foreign "$file" || exit 1
    is_ours "$dir/unit" f || { echo "$dir/unit is not what was put there" >&2; exit 1; }
    cmp -s "$dir/unit" "$file" || kept_put || exit 1
    forget_first
    ctl daemon-reload && ctl --quiet enable -- "$unit" || exit 1
}
# Whether it would come back, and what it has done of that already.
kept_look() {
    file=$kept_file
    if unit_foreign "$file"; then [ "$runtime" != kept ] || echo "foreign=$file"
    elif [ ! -e "$file" ] && [ ! -L "$file" ]; then
        [ "$runtime" != kept ] || ! is_ours "$dir/unit" f || echo "stays up=no: its unit is missing"
    elif unit_masked "$file"; then echo "stays up=no: its unit is masked"
    elif ! { is_ours "$dir/unit" f && cmp -s "$dir/unit" "$file"; }; then echo "stays up=no: its unit was changed"
    elif [ ! -L "$kept_link" ]; then echo "stays up=no: its unit is not enabled"
    else echo "stays up=yes"
    fi
}
