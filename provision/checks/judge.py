"""Judges the facts of the hosts: compares them with the inventory, with what can work, with what is healthy, and with
each other. Pure functions of a `Cluster`; each file judges one kind of thing.

Where a rule is:

- `expectations`: what `expect` of the inventory says, and an nvidia-smi that fails
- `compatibility`: what can be installed there: the table `compatibility_table`, asked by `compatibility_fit`, for what
  `requirements` reads of lock and pins
- `loaders`: whether what is to load the weights is installed
- `advisories`: what is known to be open in those versions: the table `advisories_table`; `ids` names all that can be
  accepted
- `protections`: what the inventory switches off, by `protections_table`
- `gpu.health` (one GPU, by itself; `throttle` has its bits), `gpu.memory` (who holds it), `xid` (the kernel's
  log), `answering` (which can be counted on); `gpu.checks` puts them together and adds driver, links and fabric manager
- `programs` (Ray and vLLM), `network`, `system` (disks, limits, clock)
- `host`: what stands by itself, one file for each fact, which says everything about it
- `peers`: one host against the others, by `peer_table`

And what is no rule: `facts_table` and `cells` (the table of hosts and facts, how it is written), `inhibition` (what
follows from what, and is not said beside it).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from provision.checks.advisories import of_advisories
from provision.checks.compatibility import against_possible
from provision.checks.expectations import against_inventory
from provision.checks.facts_table import known_of
from provision.checks.gpu.checks import of_gpus
from provision.checks.host.check import of_host
from provision.checks.inhibition import without_consequences
from provision.checks.loaders import of_loaders
from provision.checks.network import of_network
from provision.checks.peers import against_peers, said_elsewhere
from provision.checks.programs import of_programs
from provision.checks.protections import of_protections
from provision.checks.system import of_system
from provision.cluster.cluster import Cluster
from provision.core.finding import Finding
from provision.core.playbook import Playbook

#: In the order of their authority: what one has said of a fact of a host, a later one does not say again.
JUDGES: tuple[Callable[[Cluster], Iterable[Finding]], ...] = (
    against_inventory,
    of_gpus,
    against_possible,
    of_loaders,
    of_programs,
    of_network,
    of_system,
    of_advisories,
    of_protections,
    of_host,
)


def judge(cluster: Cluster, book: Playbook) -> None:
    """Adds the known facts of each host, and all findings, to `book`."""
    for node in cluster.nodes:
        if node.facts is not None:
            book.known[node.name] = known_of(node, node.facts, cluster.name)
    book.findings += findings(cluster)
    book.sift = without_consequences


def findings(cluster: Cluster) -> list[Finding]:
    """Of all judges, each fault once: a fact of a host has one judge, whatever a later one knows of it is evidence, and
    what follows from another finding is left out. The hosts are compared with each other last, those of which nothing
    is said yet."""
    found: list[Finding] = []
    said: dict[tuple[str, str], int] = {}
    for one in JUDGES:
        new = []
        for finding in one(cluster):
            place = said.get((finding.host, finding.fact))
            if place is None or finding.severity.rank < found[place].severity.rank:
                new.append(finding)
            else:
                found[place] = replace(found[place], evidence=(*found[place].evidence, finding.message))
        # One judge may have several things to say of a fact (two GPUs, each with an error of its own).
        for finding in new:
            said[finding.host, finding.fact] = len(found)
            found.append(finding)
    return without_consequences([*found, *against_peers(cluster, {*said, *said_elsewhere(cluster)})])
