"""Which hosts may have large files from each other, and at which ports. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from provision.cluster.closing import EPHEMERAL
from provision.cluster.cluster import Cluster, Node
from provision.cluster.networks import is_ip
from provision.cluster.own_python import own_python
from provision.inventory.models import Inventory


class RelayHost(NamedTuple):
    """A host's address for the others, ports that the network proof has tried, and its Python, empty if it has none."""

    address: str
    ports: tuple[int, ...]
    python: str


def carriers(cluster: Cluster) -> Mapping[str, RelayHost]:
    """By host. None, if the inventory does not ask for it."""
    if not _asked_for(cluster.inventory):
        return {}
    return {
        node.name: RelayHost(node.node_ip, tuple(_ports(cluster, node)), own_python(node))
        for node in (*cluster.nodes, *cluster.spares)
        if node.facts is not None and node.address_known and is_ip(node.node_ip)
    }


def _asked_for(inventory: Inventory) -> bool:
    """Who has the controller pull an image has no registry near the hosts, and tens of gigabytes for each."""
    if inventory.transfer.relay:
        return inventory.transfer.relay == "auto"
    return inventory.runtime is not None and inventory.runtime.pull == "controller"


def _ports(cluster: Cluster, node: Node) -> Iterator[int]:
    """Of the ranges that are open between the hosts those that are taken last."""
    serve = cluster.inventory.serve
    if serve is None or serve.backend != "mp":
        low, high = node.host.ray.min_worker_port, node.host.ray.max_worker_port
        yield from dict.fromkeys((high, (low + high) // 2, low))
    else:
        yield from EPHEMERAL[::-1]
