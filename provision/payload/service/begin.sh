# Written into a service's folder, with its variables in front, and run there by its runtime: records the process as the
# service, before it becomes anything else; then becomes the service, as the user who that runs as. With an argument, it
# only records that process. `run` and `log` are opened here, so that the service needs no right to the folder.
# shellcheck disable=SC2086 # split into words on purpose
# shellcheck disable=SC2015 # whichever of the two fails, the reason is the same

cd / && umask 077 || exit 1
pid=${1:-$$}
read -r l < "/proc/$pid/stat" || exit 1
set -- ${l##*)}
{
    printf %s "$stamp"
    printf 'pid=%s\nstart=%s\nuser=%s\nruntime=%s\nboot=%s\n' "$pid" "${20}" "$user" "$runtime" "$(this_boot)"
} > "$dir/stamp.new" && mv -f -- "$dir/stamp.new" "$dir/stamp" || exit 1
[ "$pid" = "$$" ] || exit 0
set -- env -i /bin/sh
[ -n "$contained" ] || [ -z "$user" ] || [ "$user" = "$(id -un)" ] ||
    set -- setpriv --reuid="$user" --regid="$(id -g -- "$user")" --init-groups --no-new-privs -- "$@"
exec "$@" < "$dir/run" >> "$dir/log" 2>&1
