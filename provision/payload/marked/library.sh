# Processes and units of one cluster on one host, by the mark alone: what begins with `prefix`; of the services `only`, where
# there are any. Each is printed as `<pid or unit> <service>`.
# shellcheck disable=SC2046 # split into words on purpose
# shellcheck disable=SC2086 # split into words on purpose
# shellcheck disable=SC2153 # sudo sets both

# With the rights of whoever logged in, and of the `user` who services run as, where there is one: whose processes they
# may end, they end.
me=${_uid:-$(id -u)}
with_their_rights() {
    if [ "$me" -eq 0 ] && [ -n "$SUDO_UID" ]; then
        setpriv --reuid="$SUDO_UID" --regid="$SUDO_GID" --clear-groups -- "$@"
        if [ -n "$user" ] && id -u -- "$user" >/dev/null; then
            setpriv --reuid="$user" --regid="$(id -g -- "$user")" --clear-groups -- "$@"
        fi
    else "$@"
    fi
}
# Each program that is started costs as much as reading ten files: most find nothing, and nothing is started to sort that.
case $prefix in
    *[.[*^$\\]*) pattern=$(printf %s "$prefix" | sed 's/[.[\*^$]/\\&/g') ;;
    *) pattern=$prefix ;;
esac
# Of lines of a process or unit and its mark.
of_them() {
    awk -v prefix="$prefix" -v only=" $only " 'index($2, prefix) == 1 && !seen[$1]++ {
        n = split($2, part, "/")
        if (only == "  " || index(only, " " part[n] " ")) print $1, part[n]
    }'
}
# Only those of services that are asked for are found: most often there is none, and then nothing else is started.
# A newline in a mark does not begin another process.
marked() {
    set --
    for one in $only; do set -- "$@" -e "^PROVISION_SERVICE=$pattern$one\$" -e "^PROVISION_SERVICE=$pattern.*/$one\$"; done
    [ $# -gt 0 ] || set -- -e "^PROVISION_SERVICE=$pattern"
    found=$(with_their_rights grep -alsz "$@" /proc/[0-9]*/environ 2>/dev/null)
    [ -z "$found" ] || with_their_rights grep -aHsz "$@" $found 2>/dev/null | tr '\n\000' ' \n' |
        sed -n 's,^/proc/\([0-9]*\)/environ:PROVISION_SERVICE=,\1 ,p' | of_them
}
# Those that have written a title over their environment (service/library.sh has the same for one service): known by the
# logs that they have open for writing. `folders`: of services, `scratches`: their folders elsewhere, one a line.
pattern_of() { # of find, which matches this path and nothing else, whichever links lead there
    path=$(readlink -m -- "$1")
    case $path in *[][*?\\]*) path=$(printf '%s\n' "$path" | sed 's/[][*?\\]/\\&/g') ;; esac
}
retitled() {
    [ -n "$folders$scratches" ] || return 0
    # Whose environment has no variable left are few, and the kernel's own threads, which have no files: to look at all that
    # is open on a host takes longer.
    bare=$(with_their_rights grep -LszE '^[A-Za-z_][A-Za-z_0-9]*=' /proc/[0-9]*/environ 2>/dev/null)
    [ -n "$bare" ] || return 0
    set -f; old_ifs=$IFS; IFS='
'
    # Each after a word of its own; the first `-o` is shifted away.
    set --
    for one in $folders; do pattern_of "$one"; set -- "$@" -o -lname "$path/log*"; done
    for one in $scratches; do pattern_of "$one"; set -- "$@" -o -lname "$path/*/logs/*"; done
    IFS=$old_ifs; set +f
    shift
    set -- -maxdepth 1 -perm -200 "(" "$@" ")"
    for one in $bare; do set -- "${one%/environ}/fd" "$@"; done
    found=$(with_their_rights find "$@" 2>/dev/null)
    [ -n "$found" ] || return 0
    printf '%s\n' "$found" | cut -d/ -f3 | sort -u | while read -r p; do
        # One that has ended, and whose parent does not ask how, has nothing left to say.
        case $(sed 's/.*) //' "/proc/$p/stat" 2>/dev/null) in ''|Z*) ;; *) echo "$p retitled" ;; esac
    done
}
left_running() {
    still=$(marked; retitled)
    [ -z "$still" ] || printf '%s\n' "$still" | sort -u
}
# What systemd has, also where the file of the unit has been removed; and files that it has not read. Anybody may ask.
units() {
    [ -d /run/systemd/system ] || return 0
    {
        grep -HF "Description=provision: $prefix" /run/systemd/system/provision-*.service \
            /etc/systemd/system/provision-*.service 2>/dev/null |
            sed -n 's,^.*/\([^/:]*\):Description=provision: ,\1 ,p'
        timeout 10 systemctl show -p Id -p Description -p LoadState 'provision-*.service' 2>/dev/null | awk '
            function flush() { if (id != "" && mark != "") print id, mark; id = mark = "" }
            /^Id=/ { id = substr($0, 4) }
            /^Description=provision: / { mark = $2 }
            /^$/ { flush() }
            END { flush() }'
    } | of_them
}
# Whether a unit file does not say that it is of the cluster here; a link to nothing is how one of ours is switched off.
not_ours() {
    if [ -L "$1" ]; then [ "$(readlink -- "$1")" != /dev/null ]
    else [ -e "$1" ] && ! { [ -f "$1" ] && grep -q "^Description=provision: $pattern" "$1"; }
    fi
}
# As whoever logs in, who has a systemd, and needs nobody else to stop what that carries.
as_login() {
    if [ "$me" -ne 0 ]; then XDG_RUNTIME_DIR=/run/user/$me "$@"; return; fi
    [ "${SUDO_UID:-0}" -ne 0 ] && home=$(getent passwd "$SUDO_UID" | cut -d: -f6) && [ -n "$home" ] || return 1
    setpriv --reuid="$SUDO_UID" --regid="$SUDO_GID" --clear-groups --no-new-privs -- \
        env HOME="$home" XDG_RUNTIME_DIR="/run/user/$SUDO_UID" "$@"
}
own_units() {
    # shellcheck disable=SC2016 # for the shell of that user
    found=$(as_login sh -c '
        for file in "$HOME"/.config/systemd/user/provision-*.service; do
            [ ! -f "$file" ] || grep -HF "Description=provision: $0" "$file"
        done' "$prefix" 2>/dev/null)
    [ -z "$found" ] || printf '%s\n' "$found" |
        sed -n 's,^.*/\([^/:]*\):Description=provision: ,\1 ,p' | of_them
}
