# Takes one large file, a part of which may be here from a transfer that broke: what is missing is appended. What is here is
# told with its digest, so that nothing is appended to what is not the beginning of the same file.

receive_one() { # the folder, "size mtime mode name"
    IFS=' ' read -r size mtime mode name <<END
$2
END
    part=$1/.provision-part.$size.$mtime.$name
    for old in "$1"/.provision-part.*."$name"; do [ "$old" = "$part" ] || rm -rf -- "$old"; done
    [ -f "$part" ] && [ ! -h "$part" ] || rm -rf -- "$part"
    have=$(stat -c %s -- "$part" 2>/dev/null) || have=0
    echo provision-looking
    sum=$([ "$have" -gt 0 ] && sha256sum < "$part" 2>/dev/null) || have=0
    echo "provision-at $have ${sum%% *}"
    read -r from || return
    [ "$from" = "$have" ] || : > "$part" || return
    if ! cat >> "$part"; then
        df -k "$1" >&2
        df -i "$1" >&2
        rm -f -- "$part"
        return 1
    fi
    have=$(stat -c %s -- "$part") || return
    if [ "$have" != "$size" ]; then echo "$have of $size bytes of $name have arrived" >&2; return 1; fi
    chmod "$mode" -- "$part" && touch -m -d "@$mtime" -- "$part" && rm -rf -- "${1:?}/$name" && mv -T -- "$part" "$1/$name"
}
