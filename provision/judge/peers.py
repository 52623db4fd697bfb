"""The hosts against each other: where nothing is pinned the majority is the reference."""

from __future__ import annotations

from collections.abc import Iterable

from provision.cluster import Cluster
from provision.finding import Finding


def against_peers(cluster: Cluster) -> Iterable[Finding]:
    return ()
