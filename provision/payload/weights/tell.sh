# The manifest, for all hosts' to be compared.

if [ -f "$manifest" ] && [ ! -L "$manifest" ]; then head -c 67108864 -- "$manifest"; fi
