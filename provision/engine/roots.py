"""Folders of ours that a host has from when its `root` was another one: nothing looks there any more."""

from __future__ import annotations

from collections.abc import Iterator

from provision.cluster.cluster import Cluster, Node
from provision.core.finding import UNTOUCHED, Finding, Severity
from provision.core.plan import Mode
from provision.engine.members import KeptMember
from provision.engine.state import Job
from provision.inventory.models import Host

_WHY = "keys, tokens and logs in it outlive the cluster"


def roots_before(job: Job, cluster: Cluster) -> list[Finding]:
    """Told until `up` works in the new one, and once more where all that the cluster has is to be removed."""
    if job.members is None or job.only or job.areas:
        return []
    return [finding for node in cluster.nodes for finding in _of(job, node, job.members.entries.get(node.name))]


def _of(job: Job, node: Node, member: KeptMember | None) -> Iterator[Finding]:
    # After a change of `sudo` it is another one by itself, and what lies there is told by what is seen of it.
    if member is None or member.host.sudo != node.host.sudo:
        return
    last = member.host.base
    for root in member.roots_but(node.host) if job.mode is Mode.PURGE else (last,):
        if _absolute(root, node) != _absolute(node.host.base, node):
            yield _finding(job, node.host, root)


def _absolute(root: str, node: Node) -> str:
    home = node.facts.home if node.facts is not None else ""
    return root.replace("~", home, 1).rstrip("/") if home and root.startswith("~") else root.rstrip("/")


def _finding(job: Job, host: Host, root: str) -> Finding:
    cluster = job.inventory.cluster
    return Finding(
        host.name,
        "storage",
        UNTOUCHED if job.mode.removes else "former root",
        Severity.WARNING,
        said=f"`root` was {root} before: what `{cluster}` has there ({root}/clusters/{cluster}, {root}/envs) is not "
        "looked at, and stays",
        why=_WHY,
        hint=f"`provision down --purge` with `root: {root}` in the inventory removes it",
    )
