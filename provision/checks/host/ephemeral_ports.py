"""The ports that the kernel hands out: those that vLLM's ranks listen on are among them."""

from provision import HostCheck

CHECK = HostCheck(
    area="network",
    fact="ephemeral ports",
    # Not by `read`: dash does that byte by byte, and of numbers the kernel tells the first byte alone then.
    ask='set -- $(cat /proc/sys/net/ipv4/ip_local_port_range); echo "$1-$2"',
    good=("32768-60999\n",),
)
