# Takes the lease of this host, runs the first batch, and holds the lease for as long as standard input is open: the
# leash. On standard input, after this: lines with values, up to `go`; the batch, for the program `$2`, whose leader is
# `$3`; then a line `.` from time to time, which says that the controller is alive, and `q` in the end. An end without `q`
# is that of a connection that broke, or of a controller that was killed.
# shellcheck disable=SC2034 # values are set by name, and the library's

run=$2 leader=$3
h_wait='' h_mine=''
while IFS='=' read -r name value; do
    case $name in
        nonce|size|wait|lease|mine|who|from|pid|command|cluster|inventory) eval "h_$name=\$value" ;;
        go) break ;;
    esac
done
command -v timeout >/dev/null 2>&1 || timeout() { shift; "$@"; }
trap '' PIPE
mark() { printf '\036%s %s\n' "$h_nonce" "$*"; printf '\036%s %s\n' "$h_nonce" "$*" >&2; }
mark begin 0
find_place
if [ -n "$why" ]; then state=unlocked; else try; fi
said=''
while [ "$state" = busy ] && [ "$h_wait" = yes ]; do
    if [ "$said" != "$text" ]; then
        tell busy "$seen"
        said=$text
    fi
    # Neither a letter nor the end of the second: the end of standard input.
    if letter=$(timeout 1 head -c 1) && [ -z "$letter" ]; then exit 0; fi
    try
done
tell "$state" "$seen"
printf 'place=%s\nkey=%s\nholder=%s\nwhy=%s\n' "$place" \
    "$boot $machine $(readlink /proc/self/ns/pid) $uid $place" "$$ $born" "$why"
mark end 0 0
if [ "$h_size" -gt 0 ]; then
    sh -c "$run" sh "$h_size" "$leader" 9>&-
else
    mark exit 0
fi
case $state in held|resumed) ;; *) exit 0 ;; esac

ended() { # by whom the lease was taken
    kill -s TERM "$reader" 2>/dev/null
    as=''
    read_note "$place"
    tell lost "$place"
    end_batches "$place"
    exit 0
}
exec 3<&0
trap ended TERM
(
    exec 9>&-
    uptime_now
    echo "$now" > "$place/beat"
    while read -r letter && [ "$letter" = . ]; do
        uptime_now
        echo "$now" > "$place/beat"
    done
    [ "$letter" = q ]
) <&3 &
reader=$!
exec 3<&- </dev/null
if wait "$reader"; then
    give_back
    exit 0
fi
# Nobody holds the other end any more. Its own controller may come back and go on, as long as nobody else was here.
end_batches "$place"
echo "ended=$(date +%s)" >> "$place/note"
