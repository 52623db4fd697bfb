# The GPUs' driver and fabrics. The kernel's log may be closed to users; its copy in the journal is open to those who
# administer the host.
# shellcheck disable=SC2034 # the line is read to see that there is one

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
