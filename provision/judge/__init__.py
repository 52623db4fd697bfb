"""What the facts of the hosts mean: held against the inventory, against what can work, against what is sound, and
against each other. Pure functions of a `Cluster`; each file judges one kind of thing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from provision.cluster import Cluster
from provision.finding import Finding
from provision.judge.expected import against_inventory
from provision.judge.known import known_of
from provision.judge.network import of_network
from provision.judge.peers import against_peers
from provision.judge.possible import against_possible
from provision.judge.running import of_programs
from provision.judge.sound_gpus import of_gpus
from provision.judge.sound_system import of_system
from provision.playbook import Playbook

#: In the order of their authority: what one has said of a fact of a host, a later one does not say again.
JUDGES: tuple[Callable[[Cluster], Iterable[Finding]], ...] = (
    against_inventory,
    of_gpus,
    against_possible,
    of_programs,
    of_network,
    of_system,
    against_peers,
)


def judge(cluster: Cluster, book: Playbook) -> None:
    """Puts into `book` what is known of each host, and what of it is not as it should be."""
    for node in cluster.nodes:
        if node.facts is not None:
            book.known[node.name] = known_of(node, node.facts)
    book.findings += findings(cluster)


def findings(cluster: Cluster) -> list[Finding]:
    """Of all judges, each fact of a host once."""
    said: dict[tuple[str, str], int] = {}
    found = []
    for index, one in enumerate(JUDGES):
        for finding in one(cluster):
            # One judge may have several things to say of a fact (two GPUs, each with an error of its own).
            if said.setdefault((finding.host, finding.fact), index) == index:
                found.append(finding)
    return found
