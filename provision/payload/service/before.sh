# Written into the folder of a service that stays up, behind `wait_for_others`, and run by systemd, as root where that makes the unit, before each
# start: what a person would see to first. The first start has `up` to see to it. Output goes to the service's log.

[ ! -e "$first_time/provision-first.conf" ] || exit 0
exec </dev/null
umask 077
cd / || exit 1
moment=$(date +%s)
read_tries
# The clock was set back: nobody knows how long ago that was.
[ "$last" -le "$moment" ] && [ "$since" -le "$moment" ] || count=0
if [ "$count" = 0 ] || { grep -qs '^ready=' "$dir/stamp" && [ "$((moment - last))" -ge 600 ]; }; then count=0 since=$moment; fi
count=$((count + 1))
if ! printf '%s %s %s\n' "$count" "$since" "$moment" > "$dir/tries.new" || ! mv -f -- "$dir/tries.new" "$dir/tries"; then
    # As on a full disk, which systemd would look at again every 2 s.
    sleep 30; exit 1
fi
rm -f -- "$dir/stamp"
# systemd opens the log anew for each command.
if [ "$(stat -c %s -- "$dir/log" 2>/dev/null || echo 0)" -gt 33554432 ]; then mv -f -- "$dir/log" "$dir/log.1"; : > "$dir/log"; fi
pause=0
[ "$count" -lt 2 ] || pause=5
n=2
while [ "$n" -lt "$count" ] && [ "$pause" -lt 300 ]; do pause=$((pause * 2)) n=$((n + 1)); done
[ "$pause" -lt 300 ] || pause=300
say "starting again, $(so_often)$([ "$pause" = 0 ] || echo ", in $pause s")"
sleep "$pause"
own_scratch || exit 1
remove_segments
wait_for_others
stat -c %s -- "$dir/log" > "$dir/began"
