# What a file holds, by digest, and whose it is.

[ -f "$path" ] || exit 0
sum=$(sha256sum < "$path") || exit 1
echo "sha256=${sum%% *}"
stat -L -c 'mode=%a
owner=%U' -- "$path"
