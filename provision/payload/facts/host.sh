# What a host is: its user, system, disks and interpreters.
# shellcheck disable=SC1007 # several variables are emptied in one line
# shellcheck disable=SC2046 # split into lines on purpose
# shellcheck disable=SC3045 # dash, bash and busybox all know both limits

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
if [ "$uid" = 0 ]; then
    has setpriv && echo "setpriv=yes"
    while read -r name value; do
        case $name in CapEff:) echo "capabilities=$value"; break ;; esac
    done < /proc/self/status
fi
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
    # A systemd of the user's own, which does not end with the session.
    value=$(id -u)
    [ ! -e "/var/lib/systemd/linger/$(id -un)" ] || [ ! -S "/run/user/$value/systemd/private" ] || echo "lingers=yes"
    for place in /etc/systemd/system /usr/lib/systemd/system /lib/systemd/system; do
        [ -e "$place/nvidia-fabricmanager.service" ] || continue
        echo "fabric_manager=$(systemctl is-active nvidia-fabricmanager.service 2>/dev/null)"
        break
    done
fi
echo "cpus=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null)"
read -r value < /proc/meminfo && echo "memory=$value"
printf "nofile_soft="; ulimit -Sn
printf "nofile_hard="; ulimit -Hn
for value in curl flock tar; do has $value && echo "$value=yes"; done
if has uv; then
    value=$(command -v uv)
    echo "uv=$value"
    if sound "$value"; then echo "uv_version=$(uv --version 2>/dev/null)"; fi
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
rest=${root#"$place"}
set -- "$place" "$1"
value=$(stat -c '%d %i' -- "$place" 2>/dev/null)
[ -d /dev/shm ] && set -- "$@" /dev/shm
IFS=$newline; set -f
set -- $(df -Pk "$@" 2>/dev/null)
set +f; IFS=$old_ifs
printf '@disk\n%s\n@modeldisk\n%s\n@shm\n%s\n' "${2-}" "${3-}" "${4-}"
# Which folder that of the environments is: the same on hosts that share it.
printf '@place\n%s\n%s\n' "$value" "$rest"
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
            */shims/*|*/cpython-3.*|*/versions/3.*/bin/*|"$root"/*) minor= ;;
            */python3.*) ;;
            *) minor= ;;
        esac
        case "$seen/" in
            *"/$minor/"*) ;;
            *) [ -n "$minor" ] && sound "$line" && patch=$("$line" -V 2>/dev/null) && seen=$seen/$minor ;;
        esac
        printf '%s\t%s\t%s\n' "$1" "$line" "$patch"
        shift
    done
    set +f
fi
IFS=$old_ifs
