# Takes files from standard input: a lease and its folder (empty: none), a user, a folder to make for that user, the folder
# to put them in, and what is known of a single large file (`-`: none), each on a line; then that file, or a tar stream, up
# to its end; or what a relay is (relay.sh). `program` is this text. Root becomes the user, where one is named or the folder is theirs: below it a link may
# lead anywhere. Root itself makes that one folder, where nobody but root can write on the way.
#
# Unpacked beside and renamed, so that a transfer that breaks leaves nothing that looks whole. `-o`: the files belong to
# whom we are here. `df`: tar says `wrote only 512 of 1024 bytes` for a disk that is full.
# shellcheck disable=SC2086 # split into words on purpose
# shellcheck disable=SC2088 # the tilde is that of a value, which no shell has expanded

there() { [ -e "$1" ] || [ -h "$1" ]; }
make_for_user() {
    [ -n "$made" ] && ! there "$made" && [ -z "$(strangers "$made" 0)" ] || return 0
    ( umask 022; mkdir -p -- "${made%/*}" ) && [ -z "$(strangers "${made%/*}/new" 0)" ] || return 0
    mkdir -m 700 -- "$made" && chown -h -- "$user:$(id -g -- "$user")" "$made"
}
if [ "$1" != again ]; then
    read -r lease && read -r held && read -r user && read -r made && read -r into && read -r one || exit
    [ -z "$lease" ] || guard "$lease" "$held" || exit
    case $into in "~") into=$HOME ;; "~/"*) into=$HOME/${into#"~/"} ;; esac
    case $made in "~/"*) made=$HOME/${made#"~/"} ;; esac
    if [ -n "$user" ] && [ "$(id -u)" -eq 0 ]; then
        group=$(id -g -- "$user") || exit
        make_for_user
        cd /
        exec setpriv --reuid "$user" --regid "$group" --init-groups --inh-caps=-all -- sh -c "$program" sh again "$into" "$one"
    fi
    rights "$into/new" '' || exit
    [ -z "$as" ] || exec $as sh -c "$program" sh again "$into" "$one"
else
    into=$2 one=$3 made=''
fi
umask 077
safe() { exposed=$(strangers "$into/new" "$(id -u)"); [ -z "$exposed" ] || refused "$exposed"; }
# Once more when it is there: by then somebody else may have put it there, where they could.
safe || exit
# That may be `root`, which stays where a run breaks off, and services could not go through it.
if [ -n "$made" ] && [ "$(id -u)" -eq 0 ]; then ( umask 022; mkdir -p -- "${made%/*}" ) || exit; fi
mkdir -p -- "$into" && safe || exit
case $one in "relay "*) relayed "$into" "$one"; exit ;; esac
if [ "$one" != - ]; then
    receive_one "$into" "$one" && echo provision-stored
    exit
fi
fresh=$(mktemp -d "$into/.incoming.XXXXXXXX") || exit
if ! { tar -xof - -C "$fresh" && rm -- "$fresh/.provision-complete"; }; then
    df -k "$into" >&2
    df -i "$into" >&2
    rm -rf -- "$fresh"
    exit 1
fi
for file in "$fresh"/* "$fresh"/.[A-Za-z0-9_]*; do
    there "$file" || continue
    name=${file##*/}
    rm -rf -- "${into:?}/$name" && mv -T -- "$file" "$into/$name" && continue
    rm -rf -- "$fresh"
    exit 1
done
rmdir -- "$fresh" && echo provision-stored
