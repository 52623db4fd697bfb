#!/bin/sh
### BEGIN INIT INFO
# Provides:          ray
# Short-Description: Ray on a host of the benchmark, for what asks services by their init script
### END INIT INFO
# It is below /etc/init.d for the hosts of the benchmark alone. They share their files, so which of them it is on says the
# connection: by its environment, or where `service` has emptied that by a parent's.
[ "$1" = status ] || { echo "ray is not for you to $1"; exit 1; }
# shellcheck disable=SC2086 # words
set -- ${SSH_CONNECTION-}
address=${3-} pid=$PPID
while [ -z "$address" ] && [ "$pid" -gt 1 ]; do
    address=$(sed -zn 's/^SSH_CONNECTION=[^ ]* [^ ]* \([^ ]*\) .*/\1/p' "/proc/$pid/environ")
    read -r stat < "/proc/$pid/stat"
    # shellcheck disable=SC2086 # words
    set -- ${stat##*)}
    pid=$2
done
read -r stamp < "/etc/init.d/.stamps/$address"
while IFS='=' read -r key value; do
    [ "$key" = pid ] && [ -d "/proc/$value" ] && echo "ray is running" && exit 0
done 2>/dev/null < "$stamp"
echo "ray is stopped"
exit 3
