#!/bin/sh
# PID 1 of a newcomer's machine, in new namespaces: gives the folder $1 what a kernel gives a machine, makes it the
# root, and stays. `confined` as $2 leaves /sys and /proc/sys as a container has them. Of what follows, `PATH` is shown
# there read-only, and `FROM:TO` shared.
set -eu
root=$1
kind=$2
shift 2

mount --bind "$root" "$root"
cd "$root"
mount -t proc -o nosuid,nodev,noexec proc proc
mount -t sysfs -o nosuid,nodev,noexec sysfs sys
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 sys/fs/cgroup
mkdir sys/fs/cgroup/session
echo $$ >sys/fs/cgroup/session/cgroup.procs
mount -t tmpfs -o nosuid,nodev,mode=755 tmpfs run
mkdir -m 1777 run/lock

mount -t tmpfs -o nosuid,mode=755 tmpfs dev
mknod -m 666 dev/null c 1 3
mknod -m 666 dev/zero c 1 5
mknod -m 666 dev/full c 1 7
mknod -m 666 dev/random c 1 8
mknod -m 666 dev/urandom c 1 9
mknod -m 666 dev/tty c 5 0
mkdir dev/pts dev/shm
mount -t devpts -o nosuid,noexec,newinstance,ptmxmode=666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o nosuid,nodev,mode=1777 tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr

for path in "$@"; do
    from=${path%%:*}
    to=$root${path##*:}
    if [ -d "$from" ]; then mkdir -p "$to"; else mkdir -p "${to%/*}" && touch "$to"; fi
    mount --bind "$from" "$to"
    [ "$from" != "$path" ] || mount -o remount,bind,ro "$to"
done

pivot_root . mnt
umount -l mnt
cd /
hostname -F etc/hostname
if [ "$kind" = confined ]; then
    mount -o remount,bind,ro sys/fs/cgroup
    mount -o remount,ro sys
    mount --bind proc/sys proc/sys
    mount -o remount,bind,ro proc/sys
fi
echo ready

# Whatever is left without a parent comes to PID 1, which has to wait for it. With PID 1 ends all that runs here.
trap exit TERM
while :; do
    sleep 100000 &
    wait $!
done
