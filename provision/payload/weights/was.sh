# Follows the probe: what each file was, where that is no longer so, here or in the controller's folder.

if [ -f "$manifest" ]; then
    if [ -z "$listed" ] || [ "$listed" != "$expected" ] ||
        { [ -n "$stamp" ] && ! grep -qxF "stamp=$stamp" "$manifest"; }; then
        sed '1,/^$/d' "$manifest" | sed 's/^/was /'
    fi
fi
