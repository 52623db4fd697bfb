# A unit of systemd carries the service; root makes it. systemd opens the files while it is still root, and has `begin`
# record the process that it has made.
# shellcheck disable=SC2016 # written for systemd

systemd_start() {
    # systemd.unit(5): `%` begins a specifier; systemd.service(5): a command line has quotes, variables and escapes.
    path=$(printf %s "$dir" | sed 's/%/%%/g')
    word=$(printf %s "$path" | sed 's/[\\"]/\\&/g; s/\$/$$/g')
    {
        printf '[Unit]\nDescription=provision: %s\n[Service]\nType=exec\n' "$mark"
        [ -z "$user" ] || printf 'User=%s\n' "$user"
        printf 'ExecStart=/usr/bin/env -i /bin/sh\n'
        printf 'ExecStartPost=+/bin/sh "%s/begin" $MAINPID\n' "$word"
        printf 'StandardInput=file:%s/run\nStandardOutput=append:%s/log\nStandardError=inherit\n' "$path" "$path"
        # The driver's setuid helper would make these when CUDA begins, which NoNewPrivileges keeps it from.
        printf 'ExecStartPre=-+/bin/sh -c "! command -v nvidia-modprobe >/dev/null || nvidia-modprobe -u -c=0"\n'
        printf 'KillMode=control-group\nTimeoutStopSec=20\n%s\n' "$hardening"
        printf 'LimitNOFILE=1048576\nLimitMEMLOCK=infinity\nTasksMax=infinity\n'
    } > "/run/systemd/system/$unit"
    chmod 644 "/run/systemd/system/$unit"
    systemctl daemon-reload && systemctl start -- "$unit"
}
systemd_stop() {
    [ -w /run/systemd/system ] && [ -f "/run/systemd/system/$unit" ] || return 0
    systemctl stop -- "$unit" 2>/dev/null
    rm -f -- "/run/systemd/system/$unit"
    systemctl reset-failed -- "$unit" 2>/dev/null
    systemctl daemon-reload
}
# What stands in the way of the service's own log.
systemd_said() { [ -s "$dir/log" ] || journalctl -u "$unit" -n 5 -o cat --no-pager >&2; }
systemd_has() { cut -d: -f3- "/proc/$1/cgroup" 2>/dev/null | grep -qxF "/system.slice/$unit"; }
