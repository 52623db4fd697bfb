"""An environment that somebody else has made on the hosts: asked for with their facts, since what is in it decides what
is checked and started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from provision.cluster.cluster import Cluster, Node
from provision.core.script import Script
from provision.environment.installed import Listing, read_listing
from provision.inventory.models import Inventory
from provision.payload.bundle import bundle, shell

#: By what name its answer is kept with the facts.
FACT = "existing environment"

#: Below provision/payload: what looks at it.
LOOK = ("files/trust.sh", "existing/look.sh")

#: Seconds to look at whose each of its files is, and for its Python to start, from a slow disk.
PATIENCE = 180


def question(inventory: Inventory) -> Mapping[str, Script]:
    """By fact, what the hosts are asked about it; nothing where none is named."""
    existing = inventory.python.existing
    if not existing:
        return {}
    variables = {"existing": existing, "listing_program": bundle("listing:main")}
    return {FACT: Script(shell(*LOOK, "existing/ask.sh"), variables, timeout=PATIENCE)}


def listing_on(node: Node) -> Listing | None:
    """What was found in it; None where that is not known."""
    return read_listing(node.facts.printed.get(FACT, "")) if node.facts is not None else None


def with_existing(cluster: Cluster) -> Cluster:
    """The cluster with what the head's environment holds for its lock: what all others are compared with."""
    python = cluster.inventory.python
    if not python.existing:
        return cluster
    found = next((listing for node in (cluster.head, *cluster.workers) if (listing := listing_on(node))), None)
    lock = cluster.lock
    return cluster if found is None else replace(cluster, lock=found.as_lock(lock.path, lock.platform))
