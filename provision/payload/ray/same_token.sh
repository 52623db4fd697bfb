# Whether the token that this host has is the one that the controller has, or it has none, and no Ray was started that
# could have one: after token_file.sh.

if [ -n "$token" ]; then [ "$token" != "$mine" ] || echo same=yes
elif [ ! -e "$folder/ray/stamp" ] && [ ! -L "$folder/ray/stamp" ]; then echo none=yes
fi
