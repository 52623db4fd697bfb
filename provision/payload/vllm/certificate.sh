# What the head has of its own certificate and key. A link is none, and none is what others could have put there.
# shellcheck disable=SC2088 # the tilde is that of a value, which no shell has expanded

case $file in "~/"*) file=$HOME/${file#"~/"} ;; esac
if [ -f "$file" ] && [ ! -L "$file" ] && [ -z "$(strangers "${file%/*}" "$(id -u)")" ]; then
    head -c 65536 -- "$file" | tr -d '\000'
fi
