"""`network`: a network in the usual notation, that holds the node_ip of each host that gives one."""

from __future__ import annotations

import ipaddress

from provision.inventory.hosts import Listed
from provision.inventory.node import YamlNode
from provision.inventory.problems import Problems

_EXAMPLE = "write it as `10.10.0.0/16`"


def check_network(host: Listed, problems: Problems) -> None:
    node, node_ip = host.settings.find("network"), host.settings.find("node_ip")
    if node is None or not node.is_scalar or node.value is None:
        return
    network = _network(node, problems)
    if network is None or node_ip is None or node_ip.value is None:
        return
    try:
        address = ipaddress.ip_address(node_ip.text)
    except ValueError:
        return  # told already
    if address not in network:
        # The host's own word is the likelier mistake where both stand there.
        place = node_ip if node_ip.line >= node.line or node.path[:1] != ("hosts",) else node
        hint = (
            f"leave out the node_ip, which is then found on the host, or write `network: {_around(address, network)}`"
        )
        problems.value(place, f"`{address}` of {host.name} is not in its network `{network}`", hint)


def _network(node: YamlNode, problems: Problems) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    text = node.text
    address, slash, _ = text.partition("/")
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        hint = _EXAMPLE if not is_ip(address) else f"write `{address}/24`, with a length from 0 to 32 after the slash"
        problems.value(node, f"`{text}` is no network", hint)
        return None
    if not slash:
        problems.value(node, f"`{text}` is one address, and not a network", f"write `{_around(network[0], None)}`")
        return None
    if network.is_loopback or network.is_link_local or network.is_multicast:
        problems.value(node, f"`{text}` is no network that hosts share", _EXAMPLE)
        return None
    return network


def _around(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, like: ipaddress.IPv4Network | ipaddress.IPv6Network | None
) -> str:
    """The network of `address`, as long as `like`."""
    length = like.prefixlen if like is not None and like.version == address.version else {4: 24, 6: 64}[address.version]
    return str(ipaddress.ip_network(f"{address}/{length}", strict=False))


def is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def one_spelling(address: str | None) -> str | None:
    """`fd00:0:0::1` is `fd00::1`, and `::ffff:10.0.0.1` is `10.0.0.1`: the same machine."""
    if address is None or not is_ip(address):
        return address and address.lower()
    found = ipaddress.ip_address(address)
    return str(getattr(found, "ipv4_mapped", None) or found)
