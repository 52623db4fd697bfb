"""Ray and vLLM as they run, against what is installed and what is wanted."""

from __future__ import annotations

from collections.abc import Iterable

from provision.cluster import Cluster
from provision.finding import Finding


def of_programs(cluster: Cluster) -> Iterable[Finding]:
    return ()
