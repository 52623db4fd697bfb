# A unit of systemd carries the service until the host is switched off; root makes it. systemd opens the files while it is
# still root, and has `begin` record the process that it has made.

systemd_start() {
    refuse_foreign "/run/systemd/system/$unit" || return 1
    kept='' unit_text > "/run/systemd/system/$unit" && chmod 644 "/run/systemd/system/$unit"
    systemctl daemon-reload && systemctl start -- "$unit"
}
systemd_stop() {
    [ -w /run/systemd/system ] && unit_ours "/run/systemd/system/$unit" || return 0
    systemctl stop -- "$unit" 2>/dev/null
    rm -f -- "/run/systemd/system/$unit"
    systemctl reset-failed -- "$unit" 2>/dev/null
    systemctl daemon-reload
}
# What stands in the way of the service's own log.
systemd_said() { [ -s "$dir/log" ] || journalctl -u "$unit" -n 5 -o cat --no-pager >&2; }
systemd_has() { cut -d: -f3- "/proc/$1/cgroup" 2>/dev/null | grep -qxF "/system.slice/$unit"; }
systemd_ready() { :; }
systemd_look() {
    [ "$runtime" != systemd ] || ! unit_foreign "/run/systemd/system/$unit" || echo "foreign=/run/systemd/system/$unit"
}
