# nvidia-smi may take seconds, so it works while the rest is looked at (look_around), in three lanes. It holds neither
# our output nor the leash's descriptors (3 to 9): one that hangs in the kernel cannot be killed, and would keep the SSH
# channel open for as long as it hangs. By `exec`, since a shell that redirects a function keeps what it will put back.
# shellcheck disable=SC2086 # split into words on purpose

smi=$(command -v nvidia-smi)
for value in /usr/local/nvidia/bin /opt/bin /usr/lib/wsl/lib /run/nvidia/driver/usr/bin; do
    [ -z "$smi" ] && [ -x "$value/nvidia-smi" ] && smi=$value/nvidia-smi
done
if [ -z "$smi" ]; then
    look_around
    echo "@gpus"
    echo "missing"
    return 0
fi
list_gpus() {
    known=$("$smi" --help-query-gpu 2>/dev/null)
    case "$known" in *'"index"'*) ;; *) fields=$plain_fields; known= ;; esac
    asked=
    for value in $fields; do
        # Two names of one field.
        case "$value,$asked" in clocks_throttle_reasons.active,*clocks_event_reasons.active*) continue ;; esac
        case "$known" in ''|*"\"$value\""*) asked="$asked${asked:+,}$value" ;; esac
    done
    printf '\n@gpus\nfields=%s\n' "$asked"
    "$smi" --query-gpu="$asked" --format=csv,noheader
    printf '\nrc=%s\n' $?
}
list_users() {
    value=$("$smi" --query-compute-apps=pid,gpu_uuid,used_memory,process_name --format=csv,noheader)
    # A name is that of any user's process.
    value=$(printf '%s\n' "$value" | sed 's/^@/ @/')
    printf '\n@apps\n%s\n' "$value"
    pids=
    IFS=$newline; set -f
    for line in $value; do
        case "${line%%,*}" in *[!0-9]*|"") ;; *) pids="$pids ${line%%,*}" ;; esac
    done
    set +f; IFS=$old_ifs
    about $pids
    value=$("$smi" --version)
    # Older ones say it in the table alone.
    case "$value" in *CUDA*) ;; *) value=$("$smi" | grep -a 'CUDA') ;; esac
    printf '\n@cuda\n%s\n' "$value"
}
list_links() {
    printf '\n@topology\n'
    "$smi" topo -m
    printf '\n@nvlink\n'
    "$smi" nvlink -s
}
list_all() {
    set -- /proc/driver/nvidia/gpus/*
    # One GPU has no links to others.
    if [ $# -eq 1 ] && [ -d "$1" ]; then
        list_users </dev/null | { list_gpus </dev/null; cat; }
    else
        list_links </dev/null | { list_users </dev/null | { list_gpus </dev/null; cat; }; cat; }
    fi
}
{ ( exec 2>&1 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&-; list_all ) & } | {
    look_around </dev/null
    # What is no answer may go on for ever, and would push out all that the host has said before.
    { timeout "$patience" cat || printf '\n@gpus\nhung\n'; } 2>/dev/null | {
        head -c 1000000
        [ "$(head -c 1 | wc -c)" -eq 0 ] || printf '\n@gpus\nflooded\n'
    }
}
return 0
