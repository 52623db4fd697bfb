# What `up` has made of `cluster` here the other way: without sudo where root asks for who logged in, with sudo where that
# user asks. A line for each thing, its words with tabs between them. It is told by whose it is and where it lies there
# when nothing else is said; where root itself logs in, both ways are root's. Anything may lie there: a name with a control
# character would be a line of its own, and is not told.
# shellcheck disable=SC2154 # comes with the script

if [ "$(id -u)" = 0 ]; then
    [ "${SUDO_UID:-0}" != 0 ] || exit 0
    whose=$SUDO_UID now=/opt/provision
    home=$(getent passwd "$SUDO_UID" | cut -d: -f6)
    [ -n "$home" ] || exit 0
    base=$home/.provision units=$home/.config/systemd/user
else whose=0 base=/opt/provision now=$HOME/.provision units=/etc/systemd/system
fi
word() { case $1 in *[[:cntrl:]]*) return 1 ;; esac; }
theirs() { word "$1" && [ "$(stat -c %u -- "$1" 2>/dev/null)" = "$whose" ]; }
for place in "$base/clusters/$cluster"/*/*; do
    ! theirs "$place" || printf 'there\t%s\n' "${place#"$base/clusters/$cluster/"}"
done
for place in "$now/clusters/$cluster"/*; do
    if word "$place" && [ -d "$place" ]; then printf 'now\t%s\n' "${place##*/}"; fi
done
! theirs "$base/envs/current-$cluster" || printf 'environment\t%s\n' "$base/envs/current-$cluster"
for file in "$units"/provision-*.service; do
    # A FIFO would be waited for.
    if [ ! -f "$file" ] || [ -h "$file" ] || ! theirs "$file"; then continue; fi
    mark=$(head -c 65536 -- "$file" 2>/dev/null | tr -d '\000' | sed -n 's/^Description=provision: //p' | head -n 1)
    case $mark in *[[:cntrl:]]*) continue ;; "$cluster/"*) ;; *) continue ;; esac
    printf 'unit\t%s\t%s\n' "$mark" "$file"
    [ "$whose" != 0 ] || [ "$(systemctl show -p ActiveState --value -- "${file##*/}" 2>/dev/null)" != active ] || printf 'runs\t%s\n' "$mark"
done
# Of root's processes an ordinary user sees no mark. Of a user's, those count that name a place there: services may run as
# the same user by now.
if [ "$whose" != 0 ] && [ -d "$base/clusters/$cluster" ]; then
    # shellcheck disable=SC2013 # names of folders in /proc
    for p in $(grep -alsz "^PROVISION_SERVICE=$(printf %s "$cluster" | sed 's/[.[\*^$]/\\&/g')/" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3); do
        if ! theirs "/proc/$p" || ! grep -aqF "$base/" "/proc/$p/environ" "/proc/$p/cmdline" 2>/dev/null; then continue; fi
        mark=$(tr '\n\000' ' \n' < "/proc/$p/environ" 2>/dev/null | sed -n 's/^PROVISION_SERVICE=//p' | head -n 1)
        ! word "$mark" || printf 'runs\t%s\n' "$mark"
    done
fi
printf 'base\t%s\n' "$base"
