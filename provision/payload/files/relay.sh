# Takes part in a relay of large files (payload/relay), in a folder: "relay SIZE PYTHON", where SIZE bytes of program come
# first on standard input. Root starts no Python that somebody else could change.

relayed() { # the folder, "relay SIZE PYTHON"
    IFS=' ' read -r word size python <<END
$2
END
    [ "$word" = relay ] || return
    if [ "$(id -u)" -eq 0 ] && [ -n "$(strangers "$python" 0)" ]; then
        echo "root does not run $python, which others could change: install the system's own python3" >&2
        return 1
    fi
    code=$(head -c "$size") && cd -- "$1" && exec "$python" -I -S -B -c "$code"
}
