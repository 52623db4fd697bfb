# Follows the probe, whose variables it uses: every file against the hash that was installed. An environment of another
# lock is not worth the time. Last in line for processor and disk, because a model may be running.
# shellcheck disable=SC2086 # split into words on purpose

[ "${finished:-}" = "$digest" ] || exit 0
another=$(another_interpreter)
[ -z "$another" ] || { echo "unread=$another"; exit 0; }
find_judge || exit 1
idle=
command -v ionice >/dev/null 2>&1 && ionice -c 3 true 2>/dev/null && idle="ionice -c 3"
printf '%s\n' "$program" | nice -n 19 $idle "$judge" -I -S -B - look "$env" || echo "unread=its files cannot be read"
