"""Facts against the inventory: what `expect` says of the driver and the GPUs."""

from __future__ import annotations

from collections.abc import Iterable

from provision.cluster import Cluster
from provision.finding import Finding


def against_inventory(cluster: Cluster) -> Iterable[Finding]:
    """Blocks: a driver wants a person and often a reboot, a missing GPU wants one too."""
    return ()
