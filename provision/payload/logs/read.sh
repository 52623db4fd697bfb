# The logs of this host, as far as they are asked for: `$services`, of `$ray` what Ray's own processes write, `$kernel`.
# Reads, and writes nothing. Prints `@clock <epoch> <zone> <uptime>`; for each log `@file <number> <epoch of its last change>
# <bytes before what is shown> <name> <path>`, and its lines as `<number>|<line>`. With `$follow` it goes on for as long as
# the connection does; otherwise it ends, and has then printed no more than `$bytes` or `$lines` of each log.
# shellcheck disable=SC2010 # the newest first, which a pattern cannot say
# shellcheck disable=SC2012 # the same
# shellcheck disable=SC2034 # `dir` is for the library
# shellcheck disable=SC2088 # the tilde is that of a value, which no shell has expanded

unset TZ
LC_ALL=C; export LC_ALL
case $root in "~/"*) root=$HOME/${root#"~/"} ;; esac
exposed=$(strangers "$root" "$(id -u)")
[ -z "$exposed" ] || refused "$exposed" || exit
echo "@clock $(date '+%s %z') $(cut -d' ' -f1 /proc/uptime)"
number=0
# Longer lines say nothing that a person would read. While following, each line comes as soon as it is there; `sed -u`, which
# reads byte by byte, is for hosts without coreutils.
numbered() {
    if [ -z "$follow" ]; then cut -b1-4000 | sed "s/^/$number|/"
    elif command -v stdbuf >/dev/null 2>&1; then stdbuf -oL cut -b1-4000 | stdbuf -oL sed "s/^/$number|/"
    else sed -u "s/^/$number|/"
    fi
}
size_of() { stat -L -c %s -- "$1" 2>/dev/null || echo 0; }
# `shown NAME PATH COMMAND…`: what the command reads of the log at PATH.
shown() {
    name=$1 path=$2
    shift 2
    number=$((number + 1)) before=0 size=$(size_of "$path")
    [ -n "$lines" ] || [ "$size" -le "$bytes" ] || before=$((size - bytes))
    printf '@file %s\n' "$number $(stat -L -c %Y -- "$path" 2>/dev/null || date +%s) $before $name $path"
    if [ -n "$lines" ]; then set -- "$@" -n "$lines"; else set -- "$@" -c "$bytes"; fi
    if [ -n "$follow" ]; then { "$@" -F -- "$path" 2>/dev/null | numbered; } &
    else "$@" -- "$path" 2>/dev/null | numbered
    fi
}
for service in $services; do
    dir=$root/clusters/$cluster/$host/$service
    if is_ours "$dir" d && is_ours "$dir/log" f; then shown "$service" "$dir/log" tail; fi
done
dir=$root/clusters/$cluster/$host/ray
if [ -n "$ray" ] && read_stamp; then
    # Their user could have put links there, which lead that user nowhere new.
    logs=$(printf %s "$stamped" | sed -n 's/^--temp-dir=//p')/session_latest/logs
    for log in raylet gcs_server monitor dashboard; do
        for path in "$logs/$log.out" "$logs/$log.err" "$logs/$log.log"; do
            [ ! -s "$path" ] || shown "ray/$log" "$path" as_user tail
        done
    done
    for path in $(ls -t "$logs" 2>/dev/null | grep '^worker-[a-z0-9.-]*\.err$' | head -n 8); do
        [ ! -s "$logs/$path" ] || shown ray/worker "$logs/$path" as_user tail
    done
fi
if [ -n "$kernel" ]; then
    number=$((number + 1))
    echo "@file $number $(date +%s) 0 kernel kernel"
    # Closed to users on many hosts; its copy in the journal is open to those who administer the host.
    of_kernel() { if dmesg >/dev/null 2>&1; then dmesg "$@"; else journalctl -k -b -q --no-pager -o short-monotonic "$@"; fi; }
    if [ -n "$follow" ]; then
        waits=-w
        dmesg >/dev/null 2>&1 || waits=-f
        { of_kernel "$waits" 2>/dev/null | numbered; } &
    elif [ -n "$lines" ]; then of_kernel 2>/dev/null | tail -n "$lines" | numbered
    else of_kernel 2>/dev/null | tail -c "$bytes" | numbered
    fi
fi
[ -z "$follow" ] || wait
exit 0
