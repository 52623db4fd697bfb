# Seconds for which the host has been up, then the time of its start.

if ! first_start || ! read -r up _ < /proc/uptime; then exit 1; fi
echo "$((${up%.*} - first / $(getconf CLK_TCK 2>/dev/null || echo 100)))"
booted_at
