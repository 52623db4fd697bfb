"""The script that asks a host what it is: raw text in named sections, parsed on the controller."""

from __future__ import annotations

from provision.core.script import Script
from provision.facts.ask_gpus import DRIVER, GPUS
from provision.facts.ask_programs import ABOUT, MODEL, PROGRAMS
from provision.facts.gpus import FIELDS, PLAIN_FIELDS
from provision.facts.processes import SEPARATOR

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
        "separator": SEPARATOR,
        "fields": " ".join(FIELDS),
        "plain_fields": " ".join(PLAIN_FIELDS),
    }
    looks = "look_around() {\n" + HOST + PROGRAMS + NETWORK + DRIVER + MODEL + "}\n"
    return Script(BEGIN + ABOUT + looks + GPUS, {**variables, "patience": GPU_PATIENCE}, timeout=GPU_PATIENCE + 30)


# Each program that is started costs the host about a millisecond: what sh can find out itself it does, and a program
# answers as much as it can in one run.
BEGIN = r"""
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
newline='
'
old_ifs=$IFS
has() { command -v "$1" >/dev/null 2>&1; }
has timeout || timeout() { shift; "$@"; }
case "$root" in "~") root=$HOME ;; "~/"*) root="$HOME/${root#"~/"}" ;; esac
case "$model" in "~") model=$HOME ;; "~/"*) model="$HOME/${model#"~/"}" ;; esac
"""

HOST = r"""
echo "@values"
# First of all, so that it is as near as can be to the moment of asking. Not every date knows %N.
echo "clock=$(date +%s.%N)"
read -r hostname < /proc/sys/kernel/hostname && echo "hostname=$hostname"
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
if read -r value < /proc/1/comm && [ "$value" = systemd ] && [ -d /run/systemd/system ]; then
    echo "systemd=yes"
    for place in /etc/systemd/system /usr/lib/systemd/system /lib/systemd/system; do
        [ -e "$place/nvidia-fabricmanager.service" ] || continue
        echo "fabric_manager=$(systemctl is-active nvidia-fabricmanager.service 2>/dev/null)"
        break
    done
fi
# Debian and Ubuntu leave it; elsewhere nothing says so without a package manager's database.
for value in /run/reboot-required /var/run/reboot-required; do [ -e "$value" ] && echo "reboot_required=yes"; done
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
# By the hosts file, as all do first. A name that a name server alone knows may take for ever.
echo "@names"
known=
set -f
[ -r /etc/hosts ] && while read -r address names || [ -n "$address" ]; do
    for name in ${names%%"#"*}; do [ "$name" = "$hostname" ] && known=yes && echo "$address"; done
done < /etc/hosts
set +f
[ -n "$known" ] || timeout 3 getent ahosts "$hostname" 2>/dev/null
nearest() { # the folder itself, or what of its path there is
    place=$1
    while [ ! -d "$place" ] && [ "${place%/*}" != "$place" ]; do place=${place%/*}; done
    place=${place:-/}
}
nearest "${model:-/}"
set -- "$place"
nearest "$root"
set -- "$place" "$1"
[ -d /dev/shm ] && set -- "$@" /dev/shm
IFS=$newline; set -f
set -- $(df -Pk "$@" 2>/dev/null)
set +f; IFS=$old_ifs
printf '@disk\n%s\n@modeldisk\n%s\n@shm\n%s\n' "${2-}" "${3-}" "${4-}"
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
    seen=
    for line in $value; do
        patch= minor=${line##*/}
        # `python -V` answers before it has become an interpreter; a shim would be a slow script. The folders of
        # uv and pyenv say it themselves.
        case "$line" in
            */shims/*|*/cpython-3.*|*/versions/3.*/bin/*) minor= ;;
            */python3.*) ;;
            *) minor= ;;
        esac
        case "$seen/" in
            *"/$minor/"*) ;;
            *) [ -n "$minor" ] && patch=$("$line" -V 2>/dev/null) && seen=$seen/$minor ;;
        esac
        printf '%s\t%s\t%s\n' "$1" "$line" "$patch"
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
    { read -r kind < "$place/uevent"; } 2>/dev/null || kind=
    case "$kind" in DEVTYPE=*) kind=${kind#DEVTYPE=} ;; *) kind= ;; esac
    [ -e "$place/tun_flags" ] && kind=tun
    # A bridge with a cable in it is as good as the cable: KVM hosts have their address on one.
    [ "$kind" = bridge ] && for port in "$place"/brif/*; do
        port=/sys/class/net/${port##*/}
        for value in "$port/device" "$port/bonding" "$port"/lower_*; do [ -e "$value" ] && kind=; done
    done
    echo "${place##*/} speed=$speed mtu=$mtu flags=$flags state=$state kind=$kind"
done
echo "@listening"
grep -h ' 0A ' /proc/net/tcp /proc/net/tcp6 2>/dev/null
"""
