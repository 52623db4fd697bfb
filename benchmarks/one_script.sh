# The lower bound's script: what a careful person would write for this one job, in one piece. It reads the facts and
# looks at the things that `provision check` reads and looks at. It is a yardstick: when provision's own scripts
# become cheaper, this one stays as it is.
#
# Given: root, head, env, current, token, service, ports
id -un; id -u; uname -mr; date +%s; nproc; getconf GNU_LIBC_VERSION; getent passwd "$(id -un)"
for file in /proc/sys/kernel/hostname /proc/sys/kernel/random/boot_id /proc/uptime /proc/1/comm /proc/meminfo; do
    read -r line < "$file" && echo "$line"
done
ulimit -Sn; ulimit -Hn
for tool in curl flock tar uv; do command -v "$tool"; done
cat /etc/os-release
df -Pk /dev/shm "$root"
old_ifs=$IFS; IFS=:
for place in $PATH; do
    for file in "$place"/python3 "$place"/python3.[0-9] "$place"/python3.[0-9][0-9]; do
        [ -x "$file" ] && echo "$file"
    done
done
IFS=$old_ifs
ip -o link show; ip -o addr show; ip -o route get "$head"
grep -h ' 0A ' /proc/net/tcp /proc/net/tcp6
if command -v nvidia-smi >/dev/null; then
    nvidia-smi --query-gpu=index,name,uuid,driver_version,memory.total,memory.free --format=csv,noheader
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
