"""Facts that are reported elsewhere where they are wrong: no judge says them again, nor what follows from them."""

from __future__ import annotations

from provision.cluster import Cluster
from provision.errors import LockError
from provision.wheels import architecture, glibc


def said_elsewhere(cluster: Cluster) -> set[tuple[str, str]]:
    """(host, fact): hosts that the environment is not locked for (resources/stack.py)."""
    platform = cluster.inventory.python.platform
    try:
        locked, oldest = architecture(platform), _numbers(glibc(platform))
    except LockError:
        return set()
    told = [(node.name, node.facts) for node in cluster.nodes if node.facts is not None]
    return {
        *((name, "architecture") for name, facts in told if facts.arch and facts.arch != locked),
        *((name, "glibc") for name, facts in told if facts.glibc and _numbers(facts.glibc) < oldest),
    }


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part[:9]) for part in version.split(".") if part.isdecimal())
