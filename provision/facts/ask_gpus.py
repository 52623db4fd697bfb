"""What a host says of its GPUs, their driver and their fabric. POSIX sh, parts of the facts script."""

from __future__ import annotations

# The kernel's log may be closed to users; its copy in the journal is open to those who administer the host.
DRIVER = r"""
echo "@module"
[ -r /proc/driver/nvidia/version ] && cat /proc/driver/nvidia/version
echo "@fabrics"
for place in /sys/class/infiniband/*/ports/*; do
    { read -r state < "$place/state"; } 2>/dev/null || continue
    { read -r layer < "$place/link_layer"; } 2>/dev/null || layer=
    { read -r rate < "$place/rate"; } 2>/dev/null || rate=
    value=${place#/sys/class/infiniband/}
    device=${value%%/*} names=
    for value in "/sys/class/infiniband/$device/device/net"/*; do [ -e "$value" ] && names="$names ${value##*/}"; done
    # With bonds and VLANs, the interface that has the address is not the card's own.
    for value in 0 1 2 3 4 5 6 7; do
        { read -r value < "$place/gid_attrs/ndevs/$value"; } 2>/dev/null && names="$names $value"
    done
    echo "$device|${place##*/}|$state|$layer|$rate|$names"
done
if [ -n "$smi" ] || [ -r /proc/driver/nvidia/version ]; then
    echo "@library"
    for place in "/usr/lib/$arch-linux-gnu" /usr/lib64 /usr/lib "/usr/lib/$arch-linux-gnu/nvidia/current" \
        /usr/local/nvidia/lib64 "/run/nvidia/driver/usr/lib/$arch-linux-gnu"; do
        [ -e "$place/libnvidia-ml.so.1" ] || continue
        readlink -f "$place/libnvidia-ml.so.1"
        break
    done
    echo "@xids"
    value=$({ dmesg && echo readable; } 2>/dev/null | grep -a -e 'NVRM: Xid' -e '^readable$' | tail -n 200)
    case "$value" in *readable) journals= ;; *) journals='/var/log/journal /run/log/journal' ;; esac
    for place in $journals; do
        for file in "$place"/*/system.journal; do
            [ -r "$file" ] || continue
            value=$(
                timeout 5 journalctl -k -b -q --no-pager -o short 2>/dev/null |
                    { IFS= read -r line && echo readable && grep -a 'NVRM: Xid' | tail -n 200; }
            )
            break 2
        done
    done
    printf '%s\n' "$value"
fi
"""

# nvidia-smi may take seconds, so it works while the rest is looked at, in three lanes. It holds neither our output nor
# the leash's descriptors (3 to 9): one that hangs in the kernel cannot be killed, and would keep the SSH channel open
# for as long as it hangs. By `exec`, since a shell that redirects a function keeps what it will put back.
GPUS = r"""
smi=$(command -v nvidia-smi)
for value in /usr/local/nvidia/bin /opt/bin /usr/lib/wsl/lib /run/nvidia/driver/usr/bin; do
    [ -z "$smi" ] && [ -x "$value/nvidia-smi" ] && smi=$value/nvidia-smi
done
if [ -z "$smi" ]; then
    look_around
    echo "@gpus"
    echo "missing"
    return 0
fi
list_gpus() {
    known=$("$smi" --help-query-gpu 2>/dev/null)
    case "$known" in *'"index"'*) ;; *) fields=$plain_fields; known= ;; esac
    asked=
    for value in $fields; do
        # Two names of one field.
        case "$value,$asked" in clocks_throttle_reasons.active,*clocks_event_reasons.active*) continue ;; esac
        case "$known" in ''|*"\"$value\""*) asked="$asked${asked:+,}$value" ;; esac
    done
    printf '\n@gpus\nfields=%s\n' "$asked"
    "$smi" --query-gpu="$asked" --format=csv,noheader
    printf '\nrc=%s\n' $?
}
list_users() {
    value=$("$smi" --query-compute-apps=pid,gpu_uuid,used_memory,process_name --format=csv,noheader)
    printf '\n@apps\n%s\n' "$value"
    pids=
    IFS=$newline; set -f
    for line in $value; do
        case "${line%%,*}" in *[!0-9]*|"") ;; *) pids="$pids ${line%%,*}" ;; esac
    done
    set +f; IFS=$old_ifs
    about $pids
    value=$("$smi" --version)
    # Older ones say it in the table alone.
    case "$value" in *CUDA*) ;; *) value=$("$smi" | grep -a 'CUDA') ;; esac
    printf '\n@cuda\n%s\n' "$value"
}
list_links() {
    printf '\n@topology\n'
    "$smi" topo -m
    printf '\n@nvlink\n'
    "$smi" nvlink -s
}
list_all() {
    set -- /proc/driver/nvidia/gpus/*
    # One GPU has no links to others.
    if [ $# -eq 1 ] && [ -d "$1" ]; then
        list_users </dev/null | { list_gpus </dev/null; cat; }
    else
        list_links </dev/null | { list_users </dev/null | { list_gpus </dev/null; cat; }; cat; }
    fi
}
{ ( exec 2>&1 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&-; list_all ) & } | {
    look_around </dev/null
    timeout "$patience" cat || printf '\n@gpus\nhung\n'
}
return 0
"""
