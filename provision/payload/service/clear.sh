# Stops a service, and removes what it left.

stop || exit 1
rm -rf -- "$dir"
[ -z "$scratch" ] || rm -rf -- "$scratch"
