# Stops a service, and removes what it left.

stop || exit 1
rm -rf -- "$dir"
clear_scratch || exit 1
# Where root works for somebody else, the folder above was made for such folders alone.
[ -z "$scratch" ] || [ -z "$user" ] || rmdir -- "${scratch%/*}" 2>/dev/null || true
