# Whether this cluster has noted that it needs the user, and how user and home are. And, of whoever has that name: the
# groups and rules by which they could become root, the shell that they log in with, and what keeps them from `reach`.

if [ -f "$claims/$claim" ]; then
    echo claimed=yes
    getent passwd "$name" >/dev/null && echo exists=yes
    [ -z "$(find "$home" -prune -type d -user "$name" ! -perm /077 2>/dev/null)" ] || echo home=yes
fi
# Before the first `up` there may be no such user, and then everybody's rights must do.
who=nobody
if entry=$(getent passwd "$name"); then
    who=$name held=''
    for group in $(id -Gn -- "$name"); do
        case $group in
            root|sudo|wheel|admin|docker|lxd|incus|incus-admin|libvirt|disk|shadow|kmem) held="$held${held:+, }$group" ;;
        esac
    done
    [ -z "$held" ] || echo "groups=$held"
    [ "$(id -u -- "$name")" != 0 ] || echo root=yes
    if command -v sudo >/dev/null 2>&1; then
        LC_ALL=C timeout 5 sudo -n -l -U "$name" 2>/dev/null | grep -q 'may run the following' && echo sudo=yes
    fi
    case ${entry##*:} in */nologin|*/false) ;; *) echo "shell=${entry##*:}" ;; esac
fi
if [ -n "$reach" ] && command -v setpriv >/dev/null 2>&1 && group=$(id -g -- "$who"); then
    shut=$(cd / && setpriv --reuid="$who" --regid="$group" --init-groups --inh-caps=-all -- sh -c "$way" sh "$reach")
    [ -z "$shut" ] || echo "closed=$shut"
fi
exit 0
