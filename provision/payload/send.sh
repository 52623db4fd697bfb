# Sends a signal with the rights that it runs with. Arguments: signals.py, the name of the signal, and processes as
# `<pid>:<start>`. Without a Python here that can, the start is compared just before.
# shellcheck disable=SC2086 # split into words on purpose

signals=$1
shift
if command -v python3 >/dev/null 2>&1; then
    printf '%s\n' "$signals" | python3 -I -S - "$@" 2>/dev/null && exit 0
fi
name=$1
shift
for one in "$@"; do
    { read -r l < "/proc/${one%:*}/stat"; } 2>/dev/null || continue
    set -- ${l##*)}
    [ "${20}" != "${one#*:}" ] || kill -s "$name" "${one%:*}" 2>/dev/null
done
