"""What the facts of the hosts mean: held against the inventory, against what can work, against what is sound, and
against each other. Pure functions of a `Cluster`; each file judges one kind of thing.

Where a rule is:

- `expected`: what `expect` of the inventory says, and an nvidia-smi that fails
- `possible`: what can be installed there: the table `compatibility`, asked by `fits`, for what `wanted` reads of lock
  and pins
- `gpu_health` (one GPU, by itself; `throttle` has its bits), `gpu_use` (who holds its memory), `xid` (the kernel's
  log); `sound_gpus` puts them together and adds driver, links and fabric manager
- `running` (Ray and vLLM), `network`, `sound_system` (disks, limits, clock)
- `peers`: one host against the others, by the table `alike`

And what is no rule: `known` and `cells` (the table of hosts and facts, how it is written), `causes` (what follows from
what, and is not said beside it), `elsewhere` (what the plan says already).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from provision.cluster import Cluster
from provision.core.finding import Finding
from provision.core.playbook import Playbook
from provision.judge.causes import without_consequences
from provision.judge.elsewhere import said_elsewhere
from provision.judge.expected import against_inventory
from provision.judge.known import known_of
from provision.judge.network import of_network
from provision.judge.peers import against_peers
from provision.judge.possible import against_possible
from provision.judge.running import of_programs
from provision.judge.sound_gpus import of_gpus
from provision.judge.sound_system import of_system

#: In the order of their authority: what one has said of a fact of a host, a later one does not say again.
JUDGES: tuple[Callable[[Cluster], Iterable[Finding]], ...] = (
    against_inventory,
    of_gpus,
    against_possible,
    of_programs,
    of_network,
    of_system,
)


def judge(cluster: Cluster, book: Playbook) -> None:
    """Puts into `book` what is known of each host, and what of it is not as it should be."""
    for node in cluster.nodes:
        if node.facts is not None:
            book.known[node.name] = known_of(node, node.facts, cluster.name)
    book.findings += findings(cluster)
    book.sift = without_consequences


def findings(cluster: Cluster) -> list[Finding]:
    """Of all judges, each fault once: a fact of a host has one judge, whatever a later one knows of it is evidence, and
    what follows from another finding is left out. The hosts are held against each other last, those of which nothing
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
