"""Which of the inventory's hosts serve, where some of them are spares: prepared, and started when another is gone.

Whoever serves goes on serving while it answers; so a host that comes back is a spare from then on, and nothing restarts
because of it. The head is the inventory's: no spare takes over for it by itself, since clients go to its address, and
from here a head that is cut off looks like one that is gone.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace

from provision.cluster.cluster import Cluster, Node
from provision.cluster.gather import Fleet
from provision.core.finding import Finding, Severity
from provision.engine.members import Members
from provision.engine.state import Job

_WHY = "one more that does not answer, and there may be none to take its place"


def choose(nodes: Sequence[Node], needed: int, gone: Sequence[str], served: Sequence[str]) -> tuple[Node, ...]:
    """Those that serve, in the order of the inventory: the head, be it gone, those that `served` before, and others,
    without those that are `gone`. Empty if there are too few."""
    here = [node for node in nodes if node.name not in gone or node.host.role == "head"]
    ranked = sorted(here, key=lambda node: (node.host.role != "head", node.name not in served))
    chosen = {node.name for node in ranked[:needed]}
    if len(chosen) < needed:
        return ()
    return tuple(node for node in nodes if node.name in chosen)


def with_spares(job: Job, fleet: Fleet, cluster: Cluster) -> tuple[Fleet, Cluster, list[Finding]]:
    """The cluster of those that serve. A host that is gone is no error while another serves in its place, and a
    finding; `check` says of it what it says of any host."""
    spares = job.inventory.spares
    if not spares or job.mode.removes:
        return fleet, cluster, []
    asked = [node for node in cluster.nodes if node.name in fleet.names]
    gone = [node.name for node in asked if node.facts is None]
    # Also of one that keeps no members itself, such as `firewall --apply`: they are the same hosts.
    served = (job.members or Members.of(job.inventory)).serving()
    serving = choose(cluster.nodes, len(cluster.nodes) - spares, gone, served)
    if not serving:
        return fleet, cluster, []
    names = {node.name for node in serving}
    inventory = cluster.inventory.model_copy(update={"hosts": tuple(node.host for node in serving)})
    idle = tuple(node for node in asked if node.name not in names and node.facts is not None)
    whole = replace(cluster, inventory=inventory, nodes=serving, spares=idle)
    head = cluster.head.name
    findings = [_no_head(job, head, idle)] if head in gone else []
    if job.command == "check":
        return fleet, whole, findings
    gone = [name for name in gone if name != head]
    for name in gone:
        fleet.errors.pop(name, None)
    fleet = replace(fleet, hosts=tuple(host for host in fleet.hosts if host.name not in gone))
    return fleet, whole, [*findings, *(_finding(name) for name in gone)]


def _no_head(job: Job, head: str, idle: Sequence[Node]) -> Finding:
    """`idle`: the spares that answer."""
    up = shlex.join(["provision", "up", str(job.inventory.path)])
    names = " or ".join(f"`{node.name}`" for node in idle)
    move = f"; or write `role: head` at {names} instead, then `{up}`" if names else ""
    return Finding(
        "",
        "services",
        f"head {head}",
        Severity.WARNING,
        said=f"the head {head} does not answer, and no spare takes over for it by itself",
        why="clients go to the head's address, and a head that is only cut off would go on beside another one",
        hint=f"bring {head} back{move}",
    )


def _finding(name: str) -> Finding:
    said = f"{name} does not answer: it is one of the spares until it does"
    return Finding(
        "",
        "services",
        f"spare {name}",
        Severity.WARNING,
        said=said,
        why=_WHY,
        hint=f"repair it, or take it out of the inventory: `provision check --limit {name}`",
    )
