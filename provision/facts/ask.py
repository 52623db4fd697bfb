"""The script that asks a host what it is: raw text in named sections, parsed on the controller."""

from __future__ import annotations

from provision.facts.gpus import FIELDS, PLAIN_FIELDS
from provision.script import Script

#: Seconds after which a silent nvidia-smi is left behind. It can hang in the kernel, where no signal reaches it.
GPU_PATIENCE = 10


def facts_script(*, head: str = "", root: str = "~/.provision", model: str = "") -> Script:
    """`head`: address or name of the host that this one must reach. `root`: where environments will live.
    `model`: the folder of the model, where it is one and not a name on a hub.

    Takes some 50 ms, and as long as nvidia-smi does (at most GPU_PATIENCE seconds).
    """
    variables = {
        "head": head,
        "root": root,
        "model": model,
        "fields": " ".join(FIELDS),
        "plain_fields": " ".join(PLAIN_FIELDS),
    }
    return Script(HOST + NETWORK + GPUS, {**variables, "patience": GPU_PATIENCE * 20}, timeout=GPU_PATIENCE + 20)


# Each program that is started costs the host about a millisecond: what sh can find out itself it does, and a program
# answers as much as it can in one run.
HOST = r"""
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
newline='
'
has() { command -v "$1" >/dev/null 2>&1; }
case "$root" in "~") root=$HOME ;; "~/"*) root="$HOME/${root#"~/"}" ;; esac
echo "@values"
read -r value < /proc/sys/kernel/hostname && echo "hostname=$value"
value=$(id)
user=${value#*"("} uid=${value%%"("*}
user=${user%%")"*} uid=${uid#uid=}
# A user without a name, or whose name is more than a word.
case "$uid$user" in *[!A-Za-z0-9._-]*|"") user=$(id -un 2>/dev/null) uid=$(id -u) ;; esac
echo "user=$user"
echo "uid=$uid"
echo "home=$HOME"
if [ -n "$SUDO_USER" ]; then
    echo "login_user=$SUDO_USER"
    echo "login_home=$(getent passwd "$SUDO_USER" 2>/dev/null | cut -d: -f6)"
fi
echo "root=$root"
{ read -r arch < /proc/sys/kernel/arch; } 2>/dev/null || arch=$(uname -m)
{ read -r kernel < /proc/sys/kernel/osrelease; } 2>/dev/null || kernel=$(uname -r)
echo "arch=$arch"
echo "kernel=$kernel"
echo "glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null)"
read -r value < /proc/sys/kernel/random/boot_id && echo "boot_id=$value"
read -r value < /proc/uptime && echo "uptime=$value"
echo "clock=$(date +%s)"
read -r value < /proc/1/comm && [ "$value" = systemd ] && [ -d /run/systemd/system ] && echo "systemd=yes"
echo "cpus=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null)"
read -r value < /proc/meminfo && echo "memory=$value"
printf "nofile_soft="; ulimit -Sn
printf "nofile_hard="; ulimit -Hn
for value in curl flock tar; do has $value && echo "$value=yes"; done
if has uv; then
    echo "uv=$(command -v uv)"
    echo "uv_version=$(uv --version 2>/dev/null)"
fi
echo "@os"
for value in /etc/os-release /usr/lib/os-release; do
    [ -r "$value" ] || continue
    while IFS= read -r line; do echo "$line"; done < "$value"
    break
done
place=$root
while [ ! -d "$place" ] && [ "${place%/*}" != "$place" ]; do place=${place%/*}; done
old_ifs=$IFS; IFS=$newline; set -f
set -- $(df -Pk "${place:-/}" /dev/shm 2>/dev/null)
set +f; IFS=$old_ifs
echo "@disk"
echo "${2-}"
echo "@shm"
echo "${3-}"
echo "@pythons"
set --
IFS=:
# By name: a pattern would read folders of thousands of files, again and again.
for place in $PATH "$root"/python/*/bin "$HOME"/.local/share/uv/python/*/bin; do
    [ -x "$place/python3" ] && set -- "$@" "$place/python3"
    minor=6
    while [ "$minor" -lt 40 ]; do
        [ -x "$place/python3.$minor" ] && set -- "$@" "$place/python3.$minor"
        minor=$((minor + 1))
    done
done
if [ $# -gt 0 ]; then
    IFS=$newline; set -f
    value=$(readlink -f "$@" 2>/dev/null)
    count=0
    for line in $value; do count=$((count + 1)); done
    # Not every readlink takes several names.
    [ "$count" -eq $# ] || value=$(for file in "$@"; do readlink -f "$file" || echo "$file"; done)
    for line in $value; do
        printf '%s\t%s\n' "$1" "$line"
        shift
    done
    set +f
fi
IFS=$old_ifs
"""

# /sys shows the network of whoever mounted it, so names and addresses come from ip, or from /proc/net.
# Of the lines of one `ip` those of links have their flags in <>, those of addresses begin with a number too.
NETWORK = r"""
address=
if [ -n "$head" ]; then
    case "$head" in
        *[!0-9.]*) address=$(getent ahostsv4 "$head" 2>/dev/null || getent hosts "$head" 2>/dev/null) ;;
        *) address=$head ;;
    esac
    address=${address%%[!0-9a-fA-F.:]*}
    case "$head" in *:*) address=$head ;; esac
    echo "@head"
    echo "$address"
fi
if has ip; then
    value=$(ip -o -batch - 2>/dev/null <<EOF
link show
addr show
${address:+route get $address}
EOF
)
    case "$value" in
        *" inet"*) ;;
        # Busybox's ip runs no batch.
        *) value=$(ip -o link show; ip -o addr show; [ -z "$address" ] || ip -o route get "$address") 2>/dev/null ;;
    esac
    links= addresses= route=
    IFS=$newline; set -f
    for line in $value; do
        case "$line" in
            [0-9]*": <"*) links=$links$line$newline ;;
            [0-9]*": "*" inet"*) addresses=$addresses$line$newline ;;
            *) route=$route$line$newline ;;
        esac
    done
    set +f; IFS=$old_ifs
    printf '@links\n%s@addresses\n%s@route\n%s' "$links" "$addresses" "$route"
else
    echo "@links"
    cat /proc/net/dev
    echo "@addresses"
    cat /proc/net/fib_trie
    echo "@addresses6"
    cat /proc/net/if_inet6 2>/dev/null
    echo "@route"
    [ -z "$address" ] || cat /proc/net/route
fi
echo "@speeds"
for place in /sys/class/net/*; do
    { read -r speed < "$place/speed"; } 2>/dev/null || speed=
    { read -r mtu < "$place/mtu"; } 2>/dev/null || mtu=
    { read -r flags < "$place/flags"; } 2>/dev/null || flags=
    { read -r state < "$place/operstate"; } 2>/dev/null || state=
    echo "${place##*/} speed=$speed mtu=$mtu flags=$flags state=$state"
done
echo "@listening"
grep -h ' 0A ' /proc/net/tcp /proc/net/tcp6 2>/dev/null
"""

# nvidia-smi holds neither our output nor the leash's descriptors (3 to 9): one that hangs in the kernel
# cannot be killed, and would keep the SSH channel open for as long as it hangs.
GPUS = r"""
echo "@module"
[ -r /proc/driver/nvidia/version ] && cat /proc/driver/nvidia/version
echo "@gpus"
smi=$(command -v nvidia-smi)
for value in /usr/local/nvidia/bin /opt/bin /usr/lib/wsl/lib /run/nvidia/driver/usr/bin; do
    [ -z "$smi" ] && [ -x "$value/nvidia-smi" ] && smi=$value/nvidia-smi
done
[ -n "$smi" ] || { echo "missing"; return 0; }
ask() {
    known=$("$smi" --help-query-gpu 2>/dev/null)
    case "$known" in *'"index"'*) ;; *) fields=$plain_fields; known= ;; esac
    asked=
    for value in $fields; do
        case "$known" in ''|*"\"$value\""*) asked="$asked${asked:+,}$value" ;; esac
    done
    echo "fields=$asked"
    "$smi" --query-gpu="$asked" --format=csv,noheader
    printf '\nrc=%s\n' $?
}
ask 2>&1 </dev/null 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&- | cat &
reader=$!
while kill -0 $reader 2>/dev/null && [ "$patience" -gt 0 ]; do
    sleep 0.05 2>/dev/null || { sleep 1; patience=$((patience - 19)); }
    patience=$((patience - 1))
done
if kill -0 $reader 2>/dev/null; then kill $reader; echo; echo "hung"; fi
return 0
"""
