"""What a firewall could be set with."""

from provision import HostCheck

CHECK = HostCheck(
    area="network",
    fact="packet filter",
    ask="for name in nft iptables ufw firewall-cmd; do command -v $name >/dev/null && printf '%s ' $name; done; echo",
    good=("\n", "nft iptables \n"),
)
