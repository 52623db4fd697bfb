# Loads the table `text` on trial: unless it is confirmed within `seconds`, over another connection, the host goes back
# to what it had. `ranges`: `<first>-<last>` where others may listen too.
# shellcheck disable=SC2086 # split into words on purpose
# shellcheck disable=SC2046 # split into words on purpose
# shellcheck disable=SC2016 # written for the shell that runs it

[ "$(id -u)" = 0 ] || { echo "only root can set a firewall" >&2; exit 1; }
has nft || { echo "there is no nft on this host" >&2; exit 1; }
umask 022
mkdir -p -- "$folder" || exit 1
# What is in it is loaded, and run, at every boot.
for place in "${folder%/*}" "$folder"; do
    [ -n "$(find "$place" -prune -type d -user 0 ! -perm /022)" ] ||
        { echo "$place must be a folder of root's that nobody else can write to: $(stat -c '%U, mode %a' -- "$place")" >&2; exit 1; }
done
file=/etc/systemd/system/$unit
if systemd && { [ -e "$file" ] || [ -L "$file" ]; } && ! unit_ours "$file"; then
    echo "$file is not provision's: it does not say \`$unit_description\`" >&2
    exit 1
fi
# The part of a table that only its host knows: what else listens in the ranges, sshd, the nodes of other clusters.
within() {
    for range in $ranges; do
        if [ "$1" -ge "${range%-*}" ] && [ "$1" -le "${range#*-}" ]; then return 0; fi
    done
    return 1
}
# Of the session that this runs in: `<from> <port> <to> <port>`. sudo takes the variable away, so the parents are asked.
session() {
    pid=$$
    while [ "${pid:-0}" -gt 1 ]; do
        found=$(tr '\0' '\n' < "/proc/$pid/environ" 2>/dev/null | sed -n 's/^SSH_CONNECTION=//p')
        [ -z "$found" ] || { echo "$found"; return; }
        pid=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$pid/status" 2>/dev/null)
    done
}
own_part() {
    set -- $(session)
    from=${1:-} sshd=${4:-}
    [ -z "$sshd" ] || element "$table" left "$sshd"
    for entry in $(listeners ''); do
        address=${entry%:*} port=$(printf %d "0x${entry##*:}")
        # Loopback passes anyway; what Linux writes for 127.0.0.0/8 and ::1.
        case $address in ??????7F|00000000000000000000000001000000) continue ;; esac
        ! within "$port" || element "$table" left "$port"
    done | sort -u
    case $text in *"set controller4"*) ;; *) from='' ;; esac
    case $from in *:*) element "$table" controller6 "$from" ;; *) element "$table" controller4 "$from" ;; esac
    others_for "$table"
}
take_back=$folder/take-back
cat > "$take_back.new" <<'END'
# Run when a trial is over: back to what was confirmed, or to no table at all.
cd /etc/provision/firewall || exit 1
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
[ "$(cat "$1.trial.until" 2>/dev/null)" = "$2" ] || exit 0
if [ -f "$1.nft" ]; then nft -f "$1.nft"; else nft delete table inet "$1"; fi
rm -f -- "$1.trial" "$1.trial.seen" "$1.trial.until"
END
mv -f -- "$take_back.new" "$take_back" || exit 1
{ printf %s "$text"; own_part; } > "$trial.new" || exit 1
nft -c -f "$trial.new" || { rm -f -- "$trial.new"; exit 1; }
until="$(($(date +%s) + seconds)) $$"
printf '%s\n' "$until" > "$trial.until"
# Armed before it is loaded, so that nothing is loaded that would stay.
if systemd; then
    systemd-run --quiet --collect --on-active="$seconds" --timer-property=AccuracySec=1s \
        --description="provision: takes the firewall of $cluster back unless it is confirmed" \
        /bin/sh "$take_back" "$table" "$until" || exit 1
else
    PROVISION_SERVICE="$mark" setsid sh -c 'sleep "$1"; exec sh "$2" "$3" "$4"' sh \
        "$seconds" "$take_back" "$table" "$until" </dev/null >/dev/null 2>&1 &
fi
mv -f -- "$trial.new" "$trial" && nft -f "$trial" && seen "$table" > "$trial.seen" || exit 1
tell_the_others
systemd || { echo "::note the firewall is not loaded again after a reboot, since there is no systemd: run it again then"; exit 0; }
cat > "$folder/load.new" <<'END'
# Run at boot, and when nftables.service has flushed all tables: loads what was confirmed.
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
failed=0
for table in /etc/provision/firewall/*.nft; do
    [ ! -f "$table" ] || nft -f "$table" || failed=1
done
exit "$failed"
END
mv -f -- "$folder/load.new" "$folder/load" || exit 1
fresh=$(mktemp -- "${file%/*}/.provision.XXXXXXXX") || exit 1
cat > "$fresh" <<END
[Unit]
$unit_description
Documentation=file:/etc/provision/firewall
DefaultDependencies=no
Wants=network-pre.target
Before=network-pre.target shutdown.target
Conflicts=shutdown.target
After=local-fs.target nftables.service
# Debian's nftables.service begins with \`flush ruleset\`.
PartOf=nftables.service
ReloadPropagatedFrom=nftables.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh /etc/provision/firewall/load
ExecReload=/bin/sh /etc/provision/firewall/load

[Install]
WantedBy=sysinit.target
END
if cmp -s "$fresh" "$file"; then
    rm -f -- "$fresh"
elif ! { chmod 644 "$fresh" && mv -fT -- "$fresh" "$file" && systemctl daemon-reload; }; then
    rm -f -- "$fresh"
    exit 1
fi
systemctl --quiet enable "$unit" 2>/dev/null
exit 0
