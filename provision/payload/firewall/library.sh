# What all that is done about the firewall has in common. `table`: its name; `cluster`: whose it is. In `folder`, which
# is root's: `<table>.nft` is what was confirmed, `<table>.trial` what the host still takes back by itself; with
# `.seen`, the digest of the table as nft lists it, and for a trial `.until`, when that is, and which trial it is.
# shellcheck disable=SC2034 # used by the files that follow

PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
LC_ALL=C; export LC_ALL
folder=/etc/provision/firewall
kept=$folder/$table.nft trial=$folder/$table.trial
unit=provision-firewall.service
has() { command -v "$1" >/dev/null 2>&1; }
# A unit file that does not say that it is ours is somebody else's, whatever its name is.
unit_description='Description=provision: keeps hosts outside of clusters from their ports'
unit_ours() { [ -f "$1" ] && [ ! -L "$1" ] && grep -qxF "$unit_description" "$1"; }
systemd() { [ -d /run/systemd/system ] && has systemctl; }
# Without the counters, which go on counting. Fails where there is no such table.
seen() {
    listed=$(nft -s list table inet "$1" 2>/dev/null) || return 1
    printf %s "$listed" | sha256sum | cut -d' ' -f1
}
# Only what has our comment is ours to take away.
ours() { nft list table inet "$table" 2>/dev/null | grep -qF "comment \"provision $cluster\""; }
# nft would have a kernel load its module to say that there is no table.
loaded() {
    has nft || return 1
    [ ! -e /proc/modules ] || grep -q '^nf_tables ' /proc/modules ||
        grep -qs '/nf_tables\.ko' "/lib/modules/$(uname -r)/modules.builtin"
}
