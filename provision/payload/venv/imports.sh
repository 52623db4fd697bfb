# Whether an environment can import what it is for. Its own Python is run, so it must be the one that it was built with.

can_run() {
    # Away from where anything is built, so that nothing has to be taken back.
    printf '#!/bin/sh\n' > "$cache/runs"
    chmod 700 "$cache/runs"
    "$cache/runs" 2>/dev/null && { rm -f -- "$cache/runs"; return 0; }
    echo "programs cannot be run in $root: its file system is mounted noexec" >&2
    return 1
}
# Prints the files that matter for that, as paths in the environment, or what is wrong.
try_imports() { # seconds
    printf '%s\n' "$imports" | HOME=/nonexistent "$env/bin/python" -I -B - "$env" "$mains" "$1"
}
