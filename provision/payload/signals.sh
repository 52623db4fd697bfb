# Processes by number and start, so that a signal to one that was looked at goes to no later one of the same number.

# All that there are, as `<pid>:<start>`: to be asked for before the look.
all_starts() { cat /proc/[0-9]*/stat 2>/dev/null | awk '{ pid = $1; sub(/.*\) /, ""); print pid ":" $20 }'; }
# Seconds since the boot. To look at all processes takes its time, too: rounds would count more of it than was given.
seconds_up() { { IFS='. ' read -r up _ < /proc/uptime; } 2>/dev/null || up=$(date +%s); echo "$up"; }
# Of what `all_starts` said, `$1`, those with these numbers.
paired() {
    printf '%s\n' "$1" | { shift; awk -F: -v wanted=" $* " 'index(wanted, " " $1 " ")'; }
}
