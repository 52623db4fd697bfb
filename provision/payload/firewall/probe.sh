# What strangers are kept from, and whether the table is as it was made.

file=$kept
[ ! -f "$trial" ] || file=$trial
if [ ! -f "$file" ]; then
    if loaded && ours; then echo "table=on, but its file has been removed"; fi
    exit 0
fi
sed -n 's/^#= //p' "$file"
if [ "$(id -u)" != 0 ] || ! has nft; then
    echo "table=unknown: that takes root, and nft"
elif ! now=$(seen "$table"); then
    echo "table=off"
elif { read -r before < "$file.seen"; } 2>/dev/null && [ "$now" = "$before" ]; then
    echo "table=on"
    if [ "$file" = "$trial" ]; then
        until=0
        { read -r until _ < "$trial.until"; } 2>/dev/null
        [ "$(date +%s)" -le "$((until + 5))" ] || echo "table=on, but never confirmed"
    fi
else
    echo "table=changed by hand"
fi
if ! systemd; then echo "at boot=not loaded: no systemd"
elif [ -L "/etc/systemd/system/sysinit.target.wants/$unit" ]; then echo "at boot=loaded"
else echo "at boot=not loaded"
fi
