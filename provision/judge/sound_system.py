"""The rest of a host: disks, shared memory, limits, clock, kernel, a reboot that is due."""

from __future__ import annotations

from collections.abc import Iterable

from provision.cluster import Cluster
from provision.finding import Finding


def of_system(cluster: Cluster) -> Iterable[Finding]:
    return ()
