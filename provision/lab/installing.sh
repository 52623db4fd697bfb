#!/bin/sh
# Stands under the names of what the scripts of Debian's packages call, before it in PATH, and does what that does, but
# starts no service and has none started at boot. What was removed once is restarted by its package as if it ran: only
# what runs is.

name=${0##*/}
case $name in
    deb-systemd-helper) left_out=enable ;;
    *) left_out=start ;;
esac
restarts='' runs=''
for word do
    [ "$word" = "$left_out" ] && exit 0
    case $word in
        restart) restarts=yes ;;
        [!-]*) ! systemctl is-active --quiet "$word" 2>/dev/null || runs=yes ;;
    esac
done
[ -z "$restarts" ] || [ -n "$runs" ] || exit 0
PATH=${PATH#*:} exec "$name" "$@"
