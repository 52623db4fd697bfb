"""Which ports the hosts of a cluster use between each other. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from provision.cluster.cluster import Cluster, Node
from provision.cluster.networks import is_ip
from provision.facts import Facts
from provision.payload.bundle import HOST_PYTHON
from provision.proofs.network.members import Member

#: First, one in the middle, and last of those that Linux gives to whoever asks for any (net.ipv4.ip_local_port_range):
#: vLLM's TCPStore and ZMQ queues, NCCL and Gloo have such ports, and no setting that pins them.
EPHEMERAL = (32768, 46883, 60999)


def members(cluster: Cluster) -> tuple[Member, ...]:
    """The hosts that were contacted, and whose address is known: where it is not, that is said elsewhere."""
    return tuple(
        Member(n.name, n.node_ip, tuple(_ports(cluster, n)), n.interface, _python(n, n.facts))
        for n in cluster.nodes
        if n.facts is not None and is_ip(n.node_ip)
    )


def _ports(cluster: Cluster, node: Node) -> Iterator[tuple[int, str]]:
    serve, head = cluster.inventory.serve, node is cluster.head
    if serve is not None and serve.backend == "mp":
        if head:
            yield serve.master_port, "where the ranks meet"
    else:
        yield from _ray_ports(node, head)
    for port in EPHEMERAL:
        yield port, "any, for NCCL, Gloo and vLLM"


def _ray_ports(node: Node, head: bool) -> Iterator[tuple[int, str]]:
    """Three stand for all worker ports: a rule that cuts their range short is seen at its ends."""
    ray = node.host.ray
    yield from ray.services(head=head)
    low, high = ray.min_worker_port, ray.max_worker_port
    for port in dict.fromkeys((low, (low + high) // 2, high)):
        yield port, "Ray's workers"


def _python(node: Node, facts: Facts) -> str:
    """The path of one that will do; empty for none. Root does not run one that the user who logged in could change. One
    that has said its patch version is no shim, which may name a Python that is switched off (pyenv)."""
    sure_first = sorted(facts.pythons, key=lambda p: not p.patch)
    new = (p.path for p in sure_first if tuple(int(part) for part in p.version.split(".")[:2]) >= HOST_PYTHON)
    theirs = f"{facts.login_home}/" if node.host.sudo and facts.login_home else "\0"
    return next((path for path in new if not path.startswith(theirs)), "")
