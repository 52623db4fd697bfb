# Whether a file holds the secret `text` and nothing else, and whose it is. Compared here, by the shell itself: neither the
# secret nor a digest of it leaves the host.

[ -f "$path" ] || exit 0
# A letter behind it keeps the newlines at the end.
found=$(head -c 131072 -- "$path" | tr '\000' '\001'; echo x)
if [ "$found" = "${text}x" ]; then echo "content=as given"; else echo "content=another"; fi
stat -L -c 'mode=%a
owner=%U' -- "$path"
