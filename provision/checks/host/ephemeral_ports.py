"""The ports that the kernel hands out: those that vLLM's ranks listen on are among them."""

from provision import HostCheck

CHECK = HostCheck(
    area="network",
    fact="ephemeral ports",
    ask='read -r first last < /proc/sys/net/ipv4/ip_local_port_range; echo "$first-$last"',
    good=("32768-60999\n",),
)
