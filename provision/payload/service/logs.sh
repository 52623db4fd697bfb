# What a host is asked when a service did not start; reads, and writes nothing. Prints `@clock <epoch> <zone> <uptime>`,
# and for each file `@file <epoch of its last change> <path>` with its last lines behind a `|` each. At most about
# 200 KiB: no host has more to say that a person would read.
# shellcheck disable=SC2010 # the newest first, which a pattern cannot say
# shellcheck disable=SC2086 # split into words on purpose

unset TZ
LC_ALL=C; export LC_ALL
echo "@clock $(date '+%s %z') $(cut -d' ' -f1 /proc/uptime)"
lines() { tr -d '\000' | cut -c1-1500 | sed 's/^/|/'; }
changed() { stat -c %Y -- "$1" 2>/dev/null || echo 0; }
named() { printf '@file %s %s\n' "$(changed "$1")" "$1"; }
{
    for log in "$folder"/*/log; do
        [ -s "$log" ] || continue
        named "$log"; tail -c 61440 -- "$log" | lines
    done
    # Ray's own processes: what they call an error, and what they printed beside their log. Their user could have put
    # links there, which lead that user nowhere new.
    logs=$scratch/session_latest/logs
    for log in "$logs"/raylet.out "$logs"/gcs_server.out "$logs"/raylet.err "$logs"/gcs_server.err; do
        [ -s "$log" ] && [ "$(changed "$log")" -ge "$since" ] || continue
        named "$log"; as_user tail -c 200000 -- "$log" | grep -av '^\[[0-9: ,-]* [DIW] ' | tail -c 6144 | lines
    done
    ls -t "$logs" 2>/dev/null | grep '^worker.*\.err$' | head -n 8 | while read -r name; do
        [ -s "$logs/$name" ] && [ "$(changed "$logs/$name")" -ge "$since" ] || continue
        named "$logs/$name"; as_user tail -c 6144 -- "$logs/$name" | lines
    done
    echo "@file $(date +%s) kernel"
    # Closed to users on many hosts; its copy in the journal is open to those who administer the host.
    { timeout 3 dmesg || timeout 5 journalctl -k -b -q --no-pager -o short-monotonic |
        sed 's/^\(\[[ 0-9.]*\]\) [^ ]* kernel: /\1 /'; } 2>/dev/null |
        grep -aE 'Out of memory|out of memory: K|NVRM: .*Xid|SXid|NVRM: .*(not supported by|NVIDIA open kernel modules)|RmInitAdapter failed|probe routine failed|fallen off the bus|I/O error' |
        tail -n 20 | lines
    if [ -d /run/systemd/system ]; then
        for unit in /run/systemd/system/"$units"*.service /etc/systemd/system/"$units"*.service; do
            [ -f "$unit" ] || continue
            unit=${unit##*/}
            state=$(timeout 3 systemctl show -p Result -p ExecMainCode -p ExecMainStatus -- "$unit" 2>/dev/null)
            case $state in *Result=success*|'') ;; *) echo "@file $(date +%s) systemd"; echo "|$unit: "$state ;; esac
        done
    fi
    echo "@file $(date +%s) df"
    timeout 3 df -Pk /dev/shm /tmp "$folder" 2>/dev/null | awk 'NR > 1 && !seen[$6]++ && $4 < $2 / 50 {
        print "|" $6 " is full: " $4 " KiB of " $2 " KiB are free" }'
} | head -c 200000
exit 0
