"""The firewall rules that a cluster needs to work, and what can be closed to others. Pure.

Between the nodes that is all of TCP, not a list of ports: Ray's are pinned, but vLLM's ranks, NCCL and Gloo listen on
ports that the kernel hands out (torch.distributed's TCPStore and NCCL's bootstrap among them), others at each start.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Literal

from provision.cluster.closing import Closing, united
from provision.cluster.cluster import Cluster, Node
from provision.cluster.networks import is_ip, is_loopback
from provision.core.values import dataclass

#: RoCE v2's port (InfiniBand Architecture, annex A17). InfiniBand itself passes no firewall.
ROCE = 4791
EVERYWHERE = ("0.0.0.0", "::")

_API = "the model's API, on the head; restrict it to its users"


@dataclass(frozen=True)
class Rule:
    """Lets `protocol` in on `ports` (none: on all), from `sources` (none: from anywhere), to `to` of the host's
    addresses (none: to all)."""

    protocol: Literal["tcp", "udp"]
    why: str
    ports: tuple[int, ...] = ()
    sources: tuple[str, ...] = ()
    to: tuple[str, ...] = ()


@dataclass(frozen=True)
class Firewall:
    """The same for every host. `nodes`: name → address for the others. `rules`: what must be let through. `closed`:
    what others need not reach. `notes`: what the rules cannot know."""

    cluster: str
    nodes: Mapping[str, str]
    rules: tuple[Rule, ...]
    closed: Closing
    notes: tuple[str, ...] = ()


def needed(cluster: Cluster, ssh_ports: Mapping[str, int], closed: Iterable[Closing]) -> Firewall:
    """`closed`: of each host. `ssh_ports`: the port that each host is connected to. Facts may be missing where the
    inventory has all of the addresses; whether there is RoCE is not known then."""
    nodes = {node.name: node.node_ip for node in cluster.nodes}
    rules = [Rule("tcp", "SSH; restrict it to the addresses you connect from", ports=_ssh(cluster, ssh_ports))]
    notes = []
    if len(nodes) > 1:
        between = "between the nodes: Ray, and what vLLM, NCCL and Gloo open on ports of the kernel's choice"
        rules.append(Rule("tcp", between, sources=ordered(nodes.values())))
    if roce := ordered(address for node in cluster.nodes for address in _roce(node)):
        rules.append(Rule("udp", "RDMA over Ethernet between the nodes", ports=(ROCE,), sources=roce))
    elif any(node.facts is None for node in cluster.nodes):
        notes.append(f"with RDMA over Ethernet (RoCE), UDP {ROCE} between the nodes is needed as well")
    rules += _api(cluster)
    return Firewall(cluster.name, nodes, tuple(rules), united(closed), tuple(notes))


def _ssh(cluster: Cluster, ssh_ports: Mapping[str, int]) -> tuple[int, ...]:
    """The ports that sshd has on the hosts. Where one is connected to through a forwarded port, that is 22."""
    found = set()
    for node in cluster.nodes:
        port = ssh_ports[node.name]
        forwarded = node.facts is not None and not node.facts.listens_on(port) and node.facts.listens_on(22)
        found.add(22 if forwarded else port)
    return tuple(sorted(found))


def _roce(node: Node) -> tuple[str, ...]:
    """The addresses of a host that RDMA goes out from: also those of networks that Ray does not know."""
    if node.facts is None:
        return ()
    ports = [p for p in node.facts.fabrics if p.state == "ACTIVE" and p.layer == "Ethernet"]
    names = {name for port in ports for name in port.interfaces}
    own = [a for i in node.facts.interfaces if i.name in names for a in i.addresses if "." in a]
    return tuple(own) or ((node.node_ip,) if ports else ())


def _api(cluster: Cluster) -> list[Rule]:
    serve = cluster.inventory.serve
    other = cluster.inventory.serverlessllm
    if serve is None:
        return [Rule("tcp", _API, ports=(other.port,), to=(cluster.head.node_ip,))] if other is not None else []
    listen = serve.listen or cluster.head.node_ip
    if is_loopback(listen):
        return []
    to = () if listen in EVERYWHERE or not is_ip(listen) else (listen,)
    return [Rule("tcp", _API, ports=(serve.port,), to=to)]


def ordered(addresses: Iterable[str]) -> tuple[str, ...]:
    """Each once, IPv4 first, by number."""
    found = {ipaddress.ip_address(text) for text in addresses}
    return tuple(str(address) for address in sorted(found, key=lambda a: (a.version, int(a))))
