# The lease of a host: which run may write there. Its folder is root's, or the account's own; in it are `lock`, which
# the holder has locked for as long as it is alive, `note`, which says who that is, and `beat`, when its controller was
# last heard of. The lock is the truth; a note is believed as long as the process that it names is alive, which is told
# by its start time, too. Times are seconds since the boot: no clock that is set makes a lease older.
# shellcheck disable=SC2034 # used by the files that follow
# shellcheck disable=SC2086 # split into words on purpose

#: A controller says every ten seconds that it is there. One that was silent for so long may be taken for dead.
patience=60
{ read -r boot < /proc/sys/kernel/random/boot_id; } 2>/dev/null || boot=
uptime_now() { { IFS='. ' read -r now _ < /proc/uptime; } 2>/dev/null || now=0; }
# PROVISION_LEASES: the name of an sshd that stands for a host of its own, beside others on the same machine.
find_place() {
    uid=$(id -u) why=''
    { read -r machine < /proc/sys/kernel/hostname; } 2>/dev/null || machine=
    case $PROVISION_LEASES in .*|*[!A-Za-z0-9._-]*) PROVISION_LEASES='' ;; esac
    case $machine in ''|.*|*[!A-Za-z0-9._-]*) machine=host ;; esac
    # Homes may be one folder for many hosts.
    below=.provision/lease/${PROVISION_LEASES:-$machine}
    common=/run/provision/lease${PROVISION_LEASES:+-$PROVISION_LEASES}
    if [ "$uid" -eq 0 ]; then place=$common; else place=$HOME/$below; fi
    case $place in /*) ;; *) why="\`$place\` is no absolute path" ;; esac
}
# The lease that the other side of sudo would take: for root that of the user who logged in, for a user root's. `as`:
# the words in front of what looks there.
find_other() {
    other='' as=''
    if [ "$uid" -ne 0 ]; then
        other=$common
        return
    fi
    [ -n "$SUDO_USER" ] && [ "${SUDO_UID:-0}" -ne 0 ] || return 1
    home=$(getent passwd "$SUDO_USER" 2>/dev/null | cut -d: -f6)
    [ -n "$home" ] || return 1
    other=$home/$below
    rights "$other/note" "$SUDO_USER" 2>/dev/null
}
# The note in a folder, as `text` and in parts; fails where there is none.
read_note() {
    n_lease='' n_boot='' n_holder='' n_born='' n_taken='' n_batch='' text=''
    # A line for each batch; that of another user is theirs to fill. A pipe in its place would be waited for.
    [ -f "$1/note" ] && text=$($as head -c 1048576 -- "$1/note" 2>/dev/null) && [ -n "$text" ] || return 1
    while IFS='=' read -r name value; do
        case $name in
            lease) n_lease=$value ;;
            boot) n_boot=$value ;;
            holder) n_holder=${value%%" "*} n_born=${value#*" "} ;;
            taken_by) n_taken=yes ;;
            batch) n_batch=yes ;;
        esac
    done <<END
$text
END
}
# What the kernel says of a process: `born`, when it was started, and `session`. Fails where it is none, or has ended.
look_at() {
    born='' session=''
    case $1 in ''|*[!0-9]*) return 1 ;; esac
    { IFS= read -r stat < "/proc/$1/stat"; } 2>/dev/null || return 1
    set -- ${stat##*") "}
    case $1 in Z|X) return 1 ;; esac
    session=$4 born=${20}
}
is() { look_at "$1" && [ "$born" = "$2" ]; }
# Seconds since the controller of a lease was last heard of.
silence() {
    uptime_now
    beat=''
    [ ! -f "$1/beat" ] || beat=$($as head -c 20 -- "$1/beat" 2>/dev/null)
    case $beat in 0) ;; ''|0*|*[!0-9]*|?????????????*) beat=$now ;; esac
    silent=$((now - beat))
}
# Whether who wrote the note in a folder is alive. Where processes of others are hidden, its controller speaks for it.
under_way() {
    read_note "$1" && [ "$n_boot" = "$boot" ] || return 1
    if is "$n_holder" "$n_born"; then return 0; fi
    [ ! -d /proc/1 ] || return 1
    silence "$1"
    [ "$silent" -lt "$patience" ]
}
# What is known of the lease in a folder, on lines, from `state` to `told`. The note may be another user's: the echo of some
# shells would make lines of the backslashes in it.
tell() {
    echo "state=$1"
    [ -n "$2" ] || { echo told; return 0; }
    silence "$2"
    echo "now=$now"
    echo "clock=$(date +%s)"
    echo "silent=$silent"
    while IFS= read -r line; do
        case $line in lease=*|boot=*|batch=*|holder=*) ;; *) printf 'note.%s\n' "$line" ;; esac
    done <<END
$text
END
    echo told
}
of_session() { grep -ls ") [^ZX] [0-9]* [0-9]* $1 " /proc/[0-9]*/stat | cut -d/ -f3; }
end_session() {
    count=0
    while pids=$(of_session "$1"); [ -n "$pids" ] && [ "$count" -lt 60 ]; do
        case $count in
            0) kill -s TERM $pids 2>/dev/null ;;
            [2-9]0) kill -s KILL $pids 2>/dev/null ;;
        esac
        sleep 0.1
        count=$((count + 1))
    done
}
# Ends what a lease had running: the batches that the note in the folder names.
end_batches() {
    read_note "$1" || return 0
    while IFS='= ' read -r name pid start group; do
        case $name in batch) if is "$pid" "$start"; then end_session "$group"; fi ;; esac
    done <<END
$text
END
}
# Takes a lease from a holder that is alive: it says so to its controller, and ends what it has running.
take_away() { # folder, by whom, why
    printf 'taken_by=%s\ntaken_at=%s\ntaken_why=%s\n' "$2" "$(date +%s)" "$3" >> "$1/note"
    waited=0
    while is "$n_holder" "$n_born"; do
        case $waited in
            0) kill -s TERM "$n_holder" ;;
            80) kill -s KILL "$n_holder" ;;
            120) return 1 ;;
        esac
        sleep 0.1
        waited=$((waited + 1))
    done
    end_batches "$1"
}
