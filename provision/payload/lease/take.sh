# Taking the lease: sets `state` to held, shared (this run has it already, by another of its hosts), resumed, busy, lost
# (it was ours, and has been somebody else's since), unlocked (there is no way to lock here; `why`).
# shellcheck disable=SC2034 # used by the program that follows, or the library

# Everybody may see what root is at; what a user is at is the user's.
open_up() { if [ "$uid" -eq 0 ]; then umask 022; else umask 077; fi; }
open_lock() { # fails, with `why`, where nothing can be locked
    why=''
    command -v flock >/dev/null 2>&1 || { why='there is no flock(1)'; return 1; }
    exposed=$(strangers "$place/lock" "$uid")
    if [ -z "$exposed" ]; then
        # Whatever it is, it is no lock.
        if [ -e "$place/lock" ] && [ ! -f "$place/lock" ]; then rm -rf -- "${place:?}/lock"; fi
        why=$( (open_up; mkdir -p -- "$place" && umask 077 && : >> "$place/lock") 2>&1)
        exposed=$(strangers "$place/lock" "$uid")
    fi
    [ -z "$exposed" ] || why=$(refused "$exposed" 2>&1)
    [ -z "$why" ]
}
same_file() { [ ! -h "$place/lock" ] && [ /proc/self/fd/9 -ef "$place/lock" ]; }
attempt() {
    as=''
    if ! open_lock; then
        state=unlocked
        return 1
    fi
    exec 9>> "$place/lock"
    # Whoever had it may have removed the file when we had opened it.
    if flock -n 9 && same_file; then return 0; fi
    exec 9>&-
    state=busy
    return 1
}
# `seen`: the folder of the note to tell.
try() {
    tries=0
    while tries=$((tries + 1)); [ "$tries" -le 12 ]; do
        seen=''
        if attempt; then
            settle
            return
        fi
        if [ "$state" = unlocked ]; then
            # Whoever gives a lease back removes its folder.
            [ "$tries" -lt 4 ] || return
            sleep 0.1
            continue
        fi
        if under_way "$place"; then
            seen=$place
            if [ "$n_lease" = "$h_lease" ]; then
                # Of a connection of ours that has broken, and that the host has not missed yet.
                if [ "$n_holder $n_born" = "$h_mine" ]; then
                    take_away "$place" "$h_who" 'its connection broke'
                    continue
                fi
                state=shared
                return
            fi
            silence "$place"
            [ "$silent" -ge "$patience" ] || return
            take_away "$place" "$h_who" "its controller had not been heard of for $silent s"
            continue
        fi
        # It is being taken or given back at this moment; or the folder was removed when we had made it.
        sleep 0.1
    done
}
# The lock is ours. What lies there is of a holder that is dead.
settle() {
    state=held
    if read_note "$place"; then
        seen=$place
        if [ -n "$h_mine" ]; then
            state=lost
            [ "$n_lease" != "$h_lease" ] || [ -n "$n_taken" ] || state=resumed
        fi
        [ "$state" = lost ] || end_batches "$place"
    elif [ -n "$h_mine" ]; then
        state=lost
    fi
    if [ "$state" = lost ]; then
        exec 9>&-
        return
    fi
    before=$text
    look_at "$$"
    uptime_now
    address=${SSH_CONNECTION%%" "*}
    (
        open_up
        for file in note note.new beat; do
            # Whatever it is, it is no note.
            if [ -h "$place/$file" ] || { [ -e "$place/$file" ] && [ ! -f "$place/$file" ]; }; then
                rm -rf -- "${place:?}/$file"
            fi
        done
        # Until the first batch is done, which may take its time, nothing is heard of the controller.
        echo $((now + 240)) > "$place/beat" &&
        printf '%s\n' "lease=$h_lease" "boot=$boot" "holder=$$ $born" "up=$now" "at=$(date +%s)" "who=$h_who" \
            "from=${address:-$h_from}" "pid=$h_pid" "command=$h_command" "cluster=$h_cluster" \
            "inventory=$h_inventory" > "$place/note.new" && mv -f -- "$place/note.new" "$place/note"
    ) 2>/dev/null
    # On a full disk, say. What cannot be seen by others is no lease, and what is fenced must have one.
    if ! { read_note "$place" && [ "$n_lease" = "$h_lease" ]; }; then
        # Not the shell's own words, which are different in each.
        why=$(date 2>&1 >> "$place/lock")
        state=unlocked why="\`$place\` cannot be written to: ${why##*: }"
        give_back
        return
    fi
    text=$before
    find_other || return 0
    # Both sides write their note first and look then, so that one of them sees the other; a user gives way at once.
    for pause in 0 0.2 0.4 0.6; do
        sleep "$pause"
        if ! under_way "$other" || [ "$n_lease" = "$h_lease" ]; then
            as='' text=$before
            return
        fi
        [ "$uid" -eq 0 ] || break
    done
    seen=$other
    state=busy
    give_back
}
give_back() {
    rm -f -- "$place/note" "$place/note.new" "$place/beat" "$place/lock"
    rmdir -- "$place" "${place%/*}" 2>/dev/null
    [ "$uid" -eq 0 ] || rmdir -- "$HOME/.provision" 2>/dev/null
    exec 9>&-
}
