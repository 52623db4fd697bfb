# Takes away this cluster's table, and what would load it again. Safe to repeat.

if has nft; then
    if ours; then nft delete table inet "$table" || exit 1
    elif nft list table inet "$table" >/dev/null 2>&1; then echo "::note the table $table is not ours: it stays"
    fi
fi
rm -f -- "$kept" "$kept.seen" "$trial" "$trial.seen" "$trial.until"
if has nft; then tell_the_others; fi
for left in "$folder"/*.nft "$folder"/*.trial; do [ ! -f "$left" ] || exit 0; done
if unit_ours "/etc/systemd/system/$unit"; then
    systemctl --quiet disable "$unit" 2>/dev/null
    systemctl stop "$unit" 2>/dev/null
    rm -f -- "/etc/systemd/system/$unit"
    systemctl daemon-reload
fi
rm -f -- "$folder/take-back" "$folder/load"
rmdir -- "$folder" "${folder%/*}" 2>/dev/null
exit 0
