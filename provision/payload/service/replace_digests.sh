# Puts keyed digests of the secrets that the service was started with in the place of plain ones. A secret that is
# another by now, or is not given any more, is recorded without a digest: it then differs from whatever comes.

read_stamp && read_sealed && [ -z "$sealed" ] || exit 0
umask 077
stamp='' old='' i=0 equal='
'
while [ "$i" -lt "$secrets" ]; do
    eval "aspect=\$aspect_$i secret=\$secret_$i"
    compare "$aspect" "$secret"
    [ "$verdict" != 'as given' ] || equal="$equal$aspect
"
    i=$((i + 1))
done
while IFS= read -r l; do
    if is_digest "$l"; then old="$old${l%%=*}=none
"
    else stamp="$stamp$l
"
    fi
done < "$dir/stamp"
rm -f -- "$dir/secrets.new" "$dir/stamp.new"
# The first line about an aspect counts.
{ seal "$equal" && printf %s "$old"; } > "$dir/secrets.new" && printf %s "$stamp" > "$dir/stamp.new" || exit 1
mv -f -- "$dir/secrets.new" "$dir/secrets" && mv -f -- "$dir/stamp.new" "$dir/stamp"
