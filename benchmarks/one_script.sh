# The lower bound's script: what a careful person would write for this one job, in one piece. It reads the facts and
# looks at the things that `provision check` reads and looks at, and gains a line when check reads something more. It is
# a yardstick: when provision's own scripts become cheaper, this one stays as it is.
#
# Given: root, head, env, current, token, service, ports
date +%s.%N; id -un; id -u; uname -mr; nproc; getconf GNU_LIBC_VERSION; getent passwd "$(id -un)"
for file in /proc/sys/kernel/hostname /proc/sys/kernel/random/boot_id /proc/uptime /proc/1/comm /proc/meminfo; do
    read -r line < "$file" && echo "$line"
done
grep -w "$(cat /proc/sys/kernel/hostname)" /etc/hosts
[ -e /run/reboot-required ] && echo reboot
[ -d /run/systemd/system ] && systemctl is-active nvidia-fabricmanager.service
ulimit -Sn; ulimit -Hn
for tool in curl flock tar uv; do command -v "$tool"; done
cat /etc/os-release
df -Pk /dev/shm "$root"
old_ifs=$IFS; IFS=:
for place in $PATH; do
    for file in "$place"/python3 "$place"/python3.[0-9] "$place"/python3.[0-9][0-9]; do
        [ -x "$file" ] || continue
        echo "$file"; readlink -f "$file"
        case "$seen " in *"/${file##*/} "*) ;; *) "$file" -V; seen="$seen/${file##*/} " ;; esac
    done
done
IFS=$old_ifs
for place in /sys/class/net/*; do
    for file in speed mtu flags operstate; do read -r line < "$place/$file" && echo "$place/$file=$line"; done 2>/dev/null
done
for place in /sys/class/infiniband/*/ports/*; do
    [ -e "$place/state" ] && cat "$place/state" "$place/link_layer" "$place/rate"
done
ip -o link show; ip -o addr show; ip -o route get "$head"
grep -h ' 0A ' /proc/net/tcp /proc/net/tcp6
if command -v nvidia-smi >/dev/null; then
    nvidia-smi --query-gpu=index,name,uuid,driver_version,memory.total,memory.free --format=csv,noheader
    cat /proc/driver/nvidia/version
    dmesg | grep 'NVRM: Xid'
fi
pids=$(grep -las -e '[r]aylet/raylet' -e 'gcs/[g]cs_server' -e 'bin/[v]llm' -e '[v]llm.entrypoints' /proc/[0-9]*/cmdline)
for file in $pids; do
    ls -ld "${file%/cmdline}/exe"; tr '\0' ' ' < "$file"; tr '\0' '\n' < "${file%/cmdline}/environ" | grep ^PROVISION_SERVICE
done 2>/dev/null
if holder=$(grep -hs ^holder= /run/provision/lease/note ~/.provision/lease/"$(cat /proc/sys/kernel/hostname)"/note); then
    pid=${holder#*=}; cat "/proc/${pid%% *}/stat"
fi

sha256sum < "$token"; stat -c %a "$token"
[ "$(readlink "$current")" = "${env##*/}" ] && echo current
read -r digest < "$env/.provision" && echo "digest=$digest"
while read -r key _ value; do [ "$key" = version_info ] && echo "python=$value"; done < "$env/pyvenv.cfg"
cd "$env"/lib/python3*/site-packages && echo *.dist-info
while IFS='=' read -r key value; do
    case $key in pid) pid=$value ;; start) start=$value ;; esac
    echo "$key=$value"
done < "$service/stamp"
read -r line < "/proc/$pid/stat"
set -- ${line##*)}
if [ "${20}" = "$start" ]; then
    echo running=yes
else
    for port in $ports; do grep -i ":$(printf %04X "$port") [0-9A-F:]* 0A " /proc/net/tcp /proc/net/tcp6; done
fi
