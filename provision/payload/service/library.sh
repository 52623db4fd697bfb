# What all that is done about a service has in common. A pid alone says nothing once it is used again: the kernel's
# start time (field 22) goes with it. The name in field 2 may hold blanks and brackets, so the line is cut after its
# last bracket.
# shellcheck disable=SC2046 # split into words on purpose
# shellcheck disable=SC2153 # sudo sets both
# shellcheck disable=SC2086 # split into words on purpose
# shellcheck disable=SC2034 # used by the files that follow

me=${_uid:-$(id -u)}
# Whether nobody else can have written $1, of type $2: it is no link, it is ours, and nobody else can write it.
is_ours() { [ -n "$(find "$1" -prune -type "$2" -user "$me" ! -perm /022 2>/dev/null)" ]; }
# `condition`: the state of the process (proc(5)), T of one that is stopped.
start_of() {
    started='' condition=''
    { read -r l < "/proc/$1/stat"; } 2>/dev/null || return 1
    set -- ${l##*)}
    condition=$1
    [ "$1" != Z ] && started=${20}
}
# `stamped`: all that the stamp says, so that it is read once. One that others could have written says nothing. `kept_ours`:
# whether what is kept of the secrets beside it is ours, too. One find is asked about all of them.
read_stamp() {
    pid='' start='' ran_as='' stamped='' kept_ours=''
    owned=$(find "$dir" "$dir/stamp" "$dir/secrets" -prune "(" -type d -o -type f ")" -user "$me" ! -perm /022 2>/dev/null)
    case $owned in "$dir
$dir/stamp"*) ;; *) return 1 ;; esac
    [ -d "$dir" ] && [ -f "$dir/stamp" ] || return 1
    case $owned in *"
$dir/secrets") [ ! -f "$dir/secrets" ] || kept_ours=yes ;; esac
    while IFS= read -r l; do
        case $l in pid=*) pid=${l#*=} ;; start=*) start=${l#*=} ;; user=*) ran_as=${l#*=} ;; esac
        stamped="$stamped$l
"
    done < "$dir/stamp"
}
# Which of these environments have our mark. Root without CAP_SYS_PTRACE, as in many containers, cannot read those of
# others; the user who the service runs as can, and one whom an older version had it run as.
marked() {
    {
        grep -lsxzF "PROVISION_SERVICE=$mark" "$@"
        [ -z "$user" ] || as_user grep -lsxzF "PROVISION_SERVICE=$mark" "$@"
        if [ -z "$ran_as" ] && [ -n "$SUDO_UID" ] && [ "$SUDO_USER" != "$user" ]; then
            setpriv --reuid="$SUDO_UID" --regid="$SUDO_GID" --clear-groups --no-new-privs -- \
                grep -lsxzF "PROVISION_SERVICE=$mark" "$@"
        fi
    } 2>/dev/null | sort -u
}
# A stamp alone does not make a process ours: its environment says so, or the runtime that started it.
witnessed() {
    ! grep -qsxzF "PROVISION_SERVICE=$mark" "/proc/$1/environ" || return 0
    [ -z "$(marked "/proc/$1/environ")" ] || return 0
    for way in $runtimes; do ! "${way}_has" "$1" || return 0; done
    return 1
}
alive() { [ -n "$pid" ] && start_of "$pid" && [ "$started" = "$start" ] && witnessed "$pid"; }
# Anybody can give a process our mark: it counts where the user is one who the service runs as, or ran as. Where no
# stamp that is believed says who, an older version may have started it, as whoever logged in.
ours() {
    set -- $(marked /proc/[0-9]*/environ | cut -d/ -f1-3)
    [ $# -gt 0 ] || return 0
    now=${user:-$me}
    find "$@" -prune \( -user "$now" -o -user "${ran_as:-${SUDO_UID:-$now}}" \) 2>/dev/null | cut -d/ -f3
}
# A pattern of find that matches `$1` and nothing else, whichever links lead there.
exactly() { readlink -m -- "$1" | sed 's/[][*?\\]/\\&/g'; }
# What a process has open for writing, here and nowhere else: the log of the service, and those in its scratch folder.
# The mode of a link in /proc/PID/fd is that of the descriptor (proc(5)).
writers() {
    own=$(exactly "$dir")
    set -- -lname "$own/log*"
    for place in $scratch $former; do set -- "$@" -o -lname "$(exactly "$place")/*/logs/*"; done
    set -- find /proc/[0-9]*/fd -maxdepth 1 -perm -200 "(" "$@" ")"
    { "$@"; [ -z "$user" ] || as_user "$@"; } 2>/dev/null | cut -d/ -f3
}
# Those of ours that have written a title over their environment, as Ray's agents do (setproctitle): nothing is left in
# it, and the unit's cgroup or what they write to tells whose they are. The program of a person who uses Ray writes such
# logs as well, and has its environment.
retitled() {
    set -- $(
        writers
        grep -lsE ":/system\.slice/$(printf %s "$unit" | sed 's/\./\\./g')(/|\$)" /proc/[0-9]*/cgroup | cut -d/ -f3
    )
    [ $# -gt 0 ] || return 0
    set -- grep -LszE '^[A-Za-z_][A-Za-z_0-9]*=' $(printf '/proc/%s/environ\n' "$@" | sort -u)
    set -- $({ "$@"; [ -z "$user" ] || as_user "$@"; } 2>/dev/null | cut -d/ -f1-3 | sort -u)
    [ $# -gt 0 ] || return 0
    now=${user:-$me}
    find "$@" -prune \( -user "$now" -o -user "${ran_as:-${SUDO_UID:-$now}}" \) 2>/dev/null | cut -d/ -f3 |
        while read -r p; do if start_of "$p"; then echo "$p"; fi; done
}
# All of ours, those as well.
each_of_ours() { { ours; retitled; } | sort -un; }
listens() {
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -qi "^ *[0-9]*: [0-9A-F]*:$(printf %04X "$1") [0-9A-F:]* 0A "
}
# With the seconds since its start; where somebody else waited for it, nobody knows when it was ready.
# What the log has of this start: one that stays up goes on writing where the one before it has ended.
this_start() {
    began=0
    ! is_ours "$dir/began" f || read -r began < "$dir/began"
    ! is_ours "$dir/log" f || tail -c "+$((began + 1))" -- "$dir/log"
}
mark_ready() {
    ! grep -q '^ready=' "$dir/stamp" || return 0
    # By how long the process has been there, which no step of the clock changes; in a container, the seconds since the boot
    # may be the container's.
    took=$(($(cut -d. -f1 /proc/uptime) - ${start:-0} / $(getconf CLK_TCK 2>/dev/null || echo 100)))
    [ "${start:-0}" -gt 0 ] && [ "$took" -ge 0 ] || took=$(($(date +%s) - $(stat -c %Y -- "$dir/stamp")))
    [ "$took" -ge 0 ] || late=yes
    { echo ready=yes; [ -n "$late" ] || echo "took=$took"; } >> "$dir/stamp"
}
# That it was waited for in vain is remembered: the next start does not wait for the same process again.
gave_up() { [ ! -f "$dir/stamp" ] || echo waited=yes >> "$dir/stamp"; echo "$1" >&2; echo "the last lines of $dir/log:" >&2; [ ! -f "$dir/log" ] || tail -c 262144 -- "$dir/log" | tail -n "${2:-200}" >&2; exit 1; }
