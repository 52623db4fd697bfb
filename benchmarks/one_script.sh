# The lower bound's script: what a careful person would write for this one job, in one piece. It reads the facts and
# looks at the things that `provision check` reads and looks at, and gains a line when check reads something more. It is
# a yardstick: when provision's own scripts become cheaper, this one stays as it is.
#
# Given: root, head, env, current, token, service, ports, mark, greets
date +%s.%N; id -un; id -u; uname -mr; nproc; getconf GNU_LIBC_VERSION; getent passwd "$(id -un)"
for file in /proc/sys/kernel/hostname /proc/sys/kernel/random/boot_id /proc/uptime /proc/1/comm /proc/meminfo; do
    read -r line < "$file" && echo "$line"
done
grep -w "$(cat /proc/sys/kernel/hostname)" /etc/hosts
[ -e /run/reboot-required ] && echo reboot
[ -d /run/systemd/system ] && systemctl is-active nvidia-fabricmanager.service
ulimit -Sn; ulimit -Hn
for tool in curl flock tar uv setpriv nft iptables ufw firewall-cmd; do command -v "$tool"; done
# Whether a firewall of the cluster's is there: root alone is told.
[ ! -w /proc/sys/kernel/hostname ] || nft list table inet "provision_${mark%%/*}" 2>/dev/null
while read -r key value; do [ "$key" = CapEff: ] && echo "capabilities=$value" && break; done < /proc/self/status
cat /proc/sys/net/ipv4/ip_local_port_range
if [ -e /dev/nvidiactl ]; then for tool in gcc c++ nvcc ninja; do command -v "$tool"; done; ls /usr/include/python3*/Python.h; fi
cat /etc/os-release
df -Pk /dev/shm "$root"
# Who could change what lies there: folders on the way, and those below.
namei -mo "$token" "$env"
while read -r line; do echo "uid_map=$line"; done < /proc/self/uid_map
cd "$root" && find bin python envs clusters -maxdepth 2 -type d ! -path 'envs/*/*' ! -path 'python/*/*' \
    \( ! -uid "$(id -u)" -o -perm /022 \) 2>/dev/null
old_ifs=$IFS; IFS=:
for place in $PATH; do
    for file in "$place"/python3 "$place"/python3.[0-9] "$place"/python3.[0-9][0-9]; do
        [ -x "$file" ] || continue
        echo "$file"; readlink -f "$file"
        case "$seen " in *"/${file##*/} "*) ;; *) namei -mo "$file"; "$file" -V; seen="$seen/${file##*/} " ;; esac
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
listening=$(grep -h ' 0A ' /proc/net/tcp /proc/net/tcp6); echo "$listening"
if command -v nvidia-smi >/dev/null; then
    nvidia-smi --query-gpu=index,name,uuid,driver_version,memory.total,memory.free --format=csv,noheader
    cat /proc/driver/nvidia/version
    dmesg | grep 'NVRM: Xid'
fi
pids=$(grep -las -e '[r]aylet/raylet' -e 'gcs/[g]cs_server' -e 'bin/[v]llm' -e '[v]llm.entrypoints' /proc/[0-9]*/cmdline)
for file in $pids; do
    ls -ld "${file%/cmdline}/exe"; grep -aoE '[0-9a-f]{64}' "${file%/cmdline}/cgroup"; tr '\0' ' ' < "$file"; tr '\0' '\n' < "${file%/cmdline}/environ" | grep ^PROVISION_SERVICE
done 2>/dev/null
if holder=$(grep -hs ^holder= /run/provision/lease/note ~/.provision/lease/"$(cat /proc/sys/kernel/hostname)"/note); then
    pid=${holder#*=}; cat "/proc/${pid%% *}/stat"
fi
# What of this host's services runs, by its mark, or by the log that it writes to where it has none any more.
marked=$(grep -aHosz "^PROVISION_SERVICE=$mark.*" /proc/[0-9]*/environ | tr '\0' '\n')
echo "$marked"
find $(grep -LszE '^[A-Za-z_]+=' /proc/[0-9]*/environ | while read -r file; do echo "${file%/environ}/fd"; done) \
    -maxdepth 1 -lname "${service%/*}/*/log*" 2>/dev/null
if [ -d /run/systemd/system ]; then
    grep -Hs "^Description=provision: $mark" /run/systemd/system/provision-*.service /etc/systemd/system/provision-*.service
    systemctl show -p Id -p Description -p LoadState 'provision-*.service'
fi
# Which ports those processes listen on, and all that they have started.
pids=$(cat /proc/[0-9]*/stat 2>/dev/null | awk -v marked="$marked" '
    BEGIN { n = split(marked, m, "/"); for (i = 3; i <= n; i++) if (m[i - 1] == "proc") ours[m[i]] = 1 }
    { pid = $1; sub(/.*\) /, ""); parent[pid] = $2 }
    END { do { more = 0; for (p in parent) if (!(p in ours) && parent[p] in ours) more = ours[p] = 1 } while (more)
          for (p in ours) print "/proc/" p "/fd" }')
{ ls -l $pids 2>/dev/null; echo "$listening"; } | awk '
    match($0, /socket:\[[0-9]+\]$/) { ours[substr($0, RSTART + 8, RLENGTH - 9)] = 1 }
    $4 == "0A" && $10 in ours { print "listens=" $2 }'
# Whether Ray's servers greet: the fourth byte of what they say first.
timeout 5 bash -c '
    printf -v settings "\4"
    for place in "$@"; do
        exec 3<> "/dev/tcp/${place%:*}/${place#*:}" && printf "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0" >&3
        for byte in 0 1 2 3; do IFS= read -r -d "" -n 1 -t 2 byte <&3; done
        [ "$byte" = "$settings" ] && echo "greets=$place"
    done' bash $greets

sha256sum < "$token"; stat -c %a "$token"
[ "$(readlink "$current")" = "${env##*/}" ] && echo current
read -r digest < "$env/.provision" && echo "digest=$digest"
while read -r key _ value; do [ "$key" = version_info ] && echo "python=$value"; done < "$env/pyvenv.cfg"
stat -L -c '%Z %n' "$env/bin/python" "$env/pyvenv.cfg"
for file in "$env"/bin/ray "$env"/lib/python3*/site-packages/ray*; do [ "$file" -nt "$env/.provision" ] && echo "younger: $file"; done
for link in "$root"/envs/current-*; do [ "$link" -ef "$env" ] && echo "used: $link"; done
cd "$env"/lib/python3*/site-packages && echo *.dist-info
while IFS='=' read -r key value; do
    case $key in pid) pid=$value ;; start) start=$value ;; esac
    echo "$key=$value"
done < "$service/stamp"
# What Ray was started with of secrets: the token that lies there, or another.
while read -r line; do echo "secret $line"; done < "$service/secrets"
read -r line < "/proc/$pid/stat"
set -- ${line##*)}
if [ "${20}" = "$start" ]; then
    echo running=yes
else
    for port in $ports; do grep -i ":$(printf %04X "$port") [0-9A-F:]* 0A " /proc/net/tcp /proc/net/tcp6; done
fi
