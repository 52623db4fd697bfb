# Unit files: whose one is, and what a unit has in it. A file that does not say it is ours is somebody else's, whatever its
# name is; a link to nothing in the place of one that we wrote is how `systemctl mask` switches it off.
# shellcheck disable=SC2016 # written for systemd

unit_ours() { is_ours "$1" f && grep -qxF "Description=provision: $mark" "$1"; }
unit_masked() { [ -L "$1" ] && [ "$(readlink -- "$1")" = /dev/null ] && is_ours "$dir/unit" f; }
unit_foreign() { { [ -e "$1" ] || [ -L "$1" ]; } && ! unit_ours "$1" && ! unit_masked "$1"; }
refuse_foreign() {
    ! unit_foreign "$1" || { echo "$1 is not provision's: it does not say \`Description=provision: $mark\`" >&2; return 1; }
}
# The text of the unit. With `kept` it is one that stays up, where `unit_lines` are more lines for its [Unit].
unit_text() {
    # systemd.unit(5): `%` begins a specifier; systemd.service(5): a command line has quotes, variables and escapes.
    path=$(printf %s "$dir" | sed 's/%/%%/g')
    word=$(printf %s "$path" | sed 's/[\\"]/\\&/g; s/\$/$$/g')
    printf '[Unit]\nDescription=provision: %s\n' "$mark"
    # What `+` runs is root's, whoever the service is; a user's own systemd has no other rights to give.
    plus=+
    [ "$me" = 0 ] || plus=''
    if [ -n "$kept" ]; then
        [ -z "$plus" ] || printf 'Wants=network-online.target\nAfter=network-online.target provision-firewall.service\n'
        # It never gives up; how long it waits between two tries is for `before` to say.
        printf 'StartLimitIntervalSec=0\n%s' "${unit_lines:+$unit_lines
}"
    fi
    printf '[Service]\nType=exec\n'
    # What starts a container is whoever may; the container's processes are the user's.
    [ -z "$user" ] || [ -n "$contained" ] || printf 'User=%s\n' "$user"
    # The driver's setuid helper would make these when CUDA begins, which NoNewPrivileges keeps it from.
    printf 'ExecStartPre=-%s/bin/sh -c "! command -v nvidia-modprobe >/dev/null || nvidia-modprobe -u -c=0"\n' "$plus"
    [ -z "$kept" ] || printf 'ExecStartPre=%s/bin/sh "%s/before"\n' "$plus" "$word"
    printf 'ExecStart=/usr/bin/env -i /bin/sh\n'
    printf 'ExecStartPost=%s/bin/sh "%s/begin" $MAINPID\n' "$plus" "$word"
    [ -z "$kept" ] ||
        printf 'ExecStartPost=%s/bin/sh "%s/after"\nTimeoutStartSec=infinity\nRestart=always\nRestartSec=2\n' "$plus" "$word"
    printf 'StandardInput=file:%s/run\nStandardOutput=append:%s/log\nStandardError=inherit\n' "$path" "$path"
    # What makes its container itself still has to clear that away once the container has ended.
    printf 'KillMode=%s\nTimeoutStopSec=20\nTasksMax=infinity\n' "${kill_mode:-control-group}"
    # Most of it is root's to give; the service has no more rights than the user anyway.
    [ -z "$plus" ] || printf '%sLimitNOFILE=1048576\nLimitMEMLOCK=infinity\n' "${hardening:+$hardening
}"
    [ -z "$kept" ] || { in=${kept_link%/*} in=${in##*/}; printf '[Install]\nWantedBy=%s\n' "${in%.wants}"; }
}
