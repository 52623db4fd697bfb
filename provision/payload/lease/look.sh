# Who has the lease of this host: of the account that looks, and of the other side of sudo. Writes nothing.
# shellcheck disable=SC2034 # `as` is the library's

find_place
as=''
if under_way "$place"; then
    tell busy "$place"
elif find_other && under_way "$other"; then
    tell busy "$other"
fi
