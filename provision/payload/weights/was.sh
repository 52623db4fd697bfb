# Follows the probe: what each file was, and which of them provision has written, where the folder is no longer as the
# manifest says, or the controller's is not. Of files that somebody else put there, a sample: enough to tell another
# model of the same sizes without reading it.

if [ "$version" != 0 ] && { [ -z "$listed" ] || [ "$listed" != "$expected" ]; }; then
    differs=yes
elif [ -n "$stamp" ] && ! told "$manifest" | grep -qxF "stamp=$stamp"; then
    differs=yes
else
    differs=
fi
if [ -n "$differs" ]; then
    [ "$version" = 0 ] || told "$manifest" | sed '1,/^$/d' | sed 's/^/was /'
    if [ -n "$brings" ]; then
        wrote=
        if ours_here "$folder" "$ours"; then
            wrote=$(told "$folder/.provision-written" | sed '1,/^$/d')
        elif [ -n "$ours" ] && [ "$version" = 1 ]; then
            wrote=$(told "$manifest" | sed '1,/^$/d')
        fi
        [ -z "$wrote" ] || printf '%s\n' "$wrote" | sed 's/^/wrote /'
        if [ -n "$sampled" ] && [ -n "$listed" ] && [ "$listed" != "$expected" ]; then
            cd -- "$folder" || exit 1
            { printf '%s\n' "$wrote" | cut -d ' ' -f 2-; printf '%s\n' "$wrote" | cut -d ' ' -f 2-; printf '%s\n' "$listed"; } |
                LC_ALL=C sort | uniq -u | sed '/^odd /d' | head -n 200 | while read -r _ _ name; do
                plain "$name" || continue
                sample=$({ head -c 1048576 -- "$name"; tail -c 1048576 -- "$name"; } | sha256sum | cut -d ' ' -f 1)
                printf 'sample %s %s\n' "$sample" "$name"
            done
        fi
    fi
fi
:
