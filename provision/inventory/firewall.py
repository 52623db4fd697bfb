"""What `firewall` names: networks and addresses, written as such."""

from __future__ import annotations

import ipaddress

from provision.inventory.node import YamlNode
from provision.inventory.problems import Problems


def check_firewall(root: YamlNode, problems: Problems) -> None:
    allowed = root.find("firewall", "api_from")
    for node in allowed.value if allowed is not None and allowed.is_list else ():
        if node.value is None:
            continue
        try:
            ipaddress.ip_network(node.text)
        except ValueError:
            problems.value(node, f"`{node.text}` is no network", f"write `{_meant(node.text)}`")


def _meant(text: str) -> str:
    """`10.0.0.7/8` names a host and a network at once; the network is meant."""
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return "10.0.0.0/8"
