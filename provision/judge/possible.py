"""Whether what is to be installed can run on the hosts at all: driver, CUDA, torch, vLLM, Ray, Python."""

from __future__ import annotations

from collections.abc import Iterable

from provision.cluster import Cluster
from provision.finding import Finding


def against_possible(cluster: Cluster) -> Iterable[Finding]:
    return ()
