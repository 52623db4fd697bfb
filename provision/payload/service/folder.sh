# A service's folder is ours alone: what it holds is believed, and run. A folder that somebody else can write, as older
# versions gave the service's user one, is moved aside and removed as a whole; rm follows no links.

own_folder() {
    # Where root works for somebody else, the folders above let them in; else they let in nobody: whatever the umask says.
    ( if [ -n "$user" ]; then umask 022; else umask 077; fi; mkdir -p -- "${dir%/*}" ) || return 1
    if ! is_ours "${dir%/*}" d; then
        echo "${dir%/*} can be written by others: it belongs to $(stat -c '%U, mode %a' -- "${dir%/*}")" >&2
        return 1
    fi
    if [ -e "$dir" ] || [ -L "$dir" ]; then
        is_ours "$dir" d || { rm -rf -- "$dir.old" && mv -fT -- "$dir" "$dir.old" && rm -rf -- "$dir.old"; } || return 1
    fi
    ( umask 077; mkdir -p -- "$dir" )
}
