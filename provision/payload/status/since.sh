# For how many seconds its process has been running, and how often it was started by itself.

if alive && read -r up _ < /proc/uptime; then
    echo "seconds=$((${up%.*} - start / $(getconf CLK_TCK 2>/dev/null || echo 100)))"
fi
# One that was stopped by a signal lives, and does nothing.
if alive && read -r state < "/proc/$pid/stat" 2>/dev/null; then
    case ${state##*) } in T*) echo frozen=yes ;; esac
fi
if unit_ours "$kept_file"; then echo "restarts=$(ctl show -p NRestarts --value -- "$unit" 2>/dev/null)"; fi
