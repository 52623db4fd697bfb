# A part of the wheel that was built, as text.

dd if="$file" bs=1048576 skip="$skip" count="$count" 2>/dev/null | base64
