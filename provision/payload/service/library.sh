# What all that is done about a service has in common. A pid alone says nothing once it is used again: the kernel's
# start time (field 22) goes with it. The name in field 2 may hold blanks and brackets, so the line is cut after its
# last bracket.
# shellcheck disable=SC2086 # split into words on purpose
# shellcheck disable=SC2034 # used by the files that follow

start_of() {
    started=''
    { read -r l < "/proc/$1/stat"; } 2>/dev/null || return 1
    set -- ${l##*)}
    [ "$1" != Z ] && started=${20}
}
# `stamped`: all that the stamp says, so that it is read once.
read_stamp() {
    pid='' start='' old_unit='' stamped=''
    [ -f "$dir/stamp" ] || return 1
    while IFS= read -r l; do
        case $l in pid=*) pid=${l#*=} ;; start=*) start=${l#*=} ;; unit=*) old_unit=${l#*=} ;; esac
        stamped="$stamped$l
"
    done < "$dir/stamp"
}
alive() { [ -n "$pid" ] && start_of "$pid" && [ "$started" = "$start" ]; }
ours() { grep -lzxF "PROVISION_SERVICE=$mark" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3; }
listens() {
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -qi "^ *[0-9]*: [0-9A-F]*:$(printf %04X "$1") [0-9A-F:]* 0A "
}
mark_ready() { grep -q '^ready=' "$dir/stamp" || echo ready=yes >> "$dir/stamp"; }
gave_up() { echo "$1" >&2; echo "the last lines of $dir/log:" >&2; tail -n "${2:-200}" -- "$dir/log" >&2; exit 1; }
