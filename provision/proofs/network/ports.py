"""Which ports the hosts of a cluster use between each other. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from provision.cluster.cluster import Cluster, Node
from provision.cluster.networks import is_ip
from provision.cluster.own_python import own_python
from provision.proofs.network.members import Member

#: First, one in the middle, and last of those that Linux gives to whoever asks for any (net.ipv4.ip_local_port_range):
#: vLLM's TCPStore and ZMQ queues, NCCL and Gloo have such ports, and no setting that pins them.
EPHEMERAL = (32768, 46883, 60999)


def members(cluster: Cluster) -> tuple[Member, ...]:
    """The hosts that were contacted, and whose address is known: where it is not, that is said elsewhere."""
    return tuple(
        Member(n.name, n.node_ip, tuple(_ports(cluster, n)), n.interface, own_python(n))
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
    if (other := cluster.inventory.serverlessllm) is not None:
        yield (other.port, "ServerlessLLM's API") if head else (other.store_port, "ServerlessLLM's store")
    for port in EPHEMERAL:
        yield port, "any, for NCCL, Gloo and vLLM"


def _ray_ports(node: Node, head: bool) -> Iterator[tuple[int, str]]:
    """Three stand for all worker ports: a rule that cuts their range short is seen at its ends."""
    ray = node.host.ray
    yield from ray.services(head=head)
    low, high = ray.min_worker_port, ray.max_worker_port
    for port in dict.fromkeys((low, (low + high) // 2, high)):
        yield port, "Ray's workers"
