# Whether the stamp of a service holds digests of an older version.

read_stamp && read_sealed && [ -z "$sealed" ] || exit 0
printf %s "$stamped" | while IFS= read -r l; do
    if is_digest "$l"; then echo "plain=yes"; exit 0; fi
done
