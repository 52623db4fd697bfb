"""What nvidia-smi tells of a GPU that is not well, and of who uses it."""

from __future__ import annotations

from collections.abc import Iterable

from provision.cluster import Cluster
from provision.finding import Finding


def of_gpus(cluster: Cluster) -> Iterable[Finding]:
    return ()
