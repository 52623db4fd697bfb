"""Interfaces, fabrics, names: what makes a node unreachable, or slow, for the others."""

from __future__ import annotations

from collections.abc import Iterable

from provision.cluster import Cluster
from provision.finding import Finding


def of_network(cluster: Cluster) -> Iterable[Finding]:
    return ()
