# Which start of the host this is, and when it was: the kernel's, and that of its first process, since a container or a
# virtual host starts anew below a kernel that goes on. Empty where others' processes are hidden.
# shellcheck disable=SC2086 # split into words on purpose

first_start() { { read -r l < /proc/1/stat; } 2>/dev/null || return 1; set -- ${l##*)}; first=${20}; }
this_boot() { read -r boot_id < /proc/sys/kernel/random/boot_id && first_start && printf %s "$boot_id/$first"; }
booted_at() {
    first_start && kernel=$(sed -n 's/^btime //p' /proc/stat) || return 1
    at=$((kernel + first / $(getconf CLK_TCK 2>/dev/null || echo 100)))
    form=%H:%M
    [ $(($(date +%s) - at)) -lt 72000 ] || form='%F %H:%M'
    date -d "@$at" "+$form"
}
# Since the process of this stamp was started; prints when.
rebooted() {
    before=$(printf %s "$stamped" | sed -n 's/^boot=//p')
    [ -n "$before" ] && now=$(this_boot) && [ "$before" != "$now" ] && booted_at
}
