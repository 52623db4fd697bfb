# A folder outside its own that the service fills: `scratch`. It is its user's alone, and so are the names in it, since
# Ray lets everybody write into the folder that it is given (ray/_common/utils.py, try_make_directory_shared): that one
# lies below. Where root works, the folder above is root's, so that nobody can take the name.

own_scratch() {
    [ -n "$scratch" ] || return 0
    them=$(id -u -- "${user:-$me}") || return 1
    ( umask 022; mkdir -p -- "${scratch%/*}" ) || return 1
    [ -z "$(find "$scratch" -prune -type d -user "$them" ! -perm /077 2>/dev/null)" ] || return 0
    # What somebody puts there in between has mkdir fail.
    clear_scratch && mkdir -m 700 -- "$scratch" && { [ "$them" = "$me" ] || chown -h -- "$them" "$scratch"; }
}
# Removed by whoever owns it. Fails where it is somebody else's, who may have meant us to find it.
clear_scratch() {
    # It was whoever logged in who owned that one.
    if [ -n "$former" ] && whose=$(stat -c '%U %u' -- "$former" 2>/dev/null); then
        case ${whose% *} in "$user"|"$SUDO_USER") as_uid "${whose#* }" rm -rf -- "$former" ;; esac
    fi
    owner=$(stat -c %u -- "$scratch" 2>/dev/null) || return 0
    if [ "$owner" != "$me" ] && ! is_ours "${scratch%/*}" d; then
        echo "$scratch belongs to $(stat -c %U -- "$scratch"), and must be ${user:-$(id -un)}'s alone" >&2
        echo "hint: have \`$scratch\` removed, or set \`sudo: true\`, with which nobody can take the name" >&2
        return 1
    fi
    if [ -d "$scratch" ] && [ ! -L "$scratch" ]; then
        as_uid "$owner" find "$scratch" -xdev -mindepth 1 -delete && rmdir -- "$scratch"
    else rm -f -- "$scratch"
    fi
}
