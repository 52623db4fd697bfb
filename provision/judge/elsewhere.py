"""Facts that are reported elsewhere where they are wrong: no judge says them again, nor what follows from them."""

from __future__ import annotations

from provision.cluster import Cluster
from provision.core.errors import LockError
from provision.wheels import misfit


def said_elsewhere(cluster: Cluster) -> set[tuple[str, str]]:
    """(host, fact): hosts that the environment is not locked for (resources/stack.py)."""
    platform = cluster.inventory.python.platform
    told = [(node.name, node.facts) for node in cluster.nodes if node.facts is not None]
    try:
        return {(name, unfit) for name, facts in told if (unfit := misfit(platform, facts.arch, facts.glibc))}
    except LockError:
        return set()
