"""Hosts that are not in the inventory any more: what runs of the cluster there is stopped, and taken away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ClassVar

from provision.cluster.cluster import Cluster, Node
from provision.core.finding import Finding
from provision.core.playbook import Playbook, Step
from provision.core.resource import Resource
from provision.core.values import dataclass
from provision.resources.absent import Absent
from provision.resources.service import Service
from provision.resources.still_running import StillRunning
from provision.resources.system_user import SystemUser
from provision.stack.leftovers import still_running

#: Why a host that has left is not left alone.
WHY = "what runs there holds ports, memory and GPUs, and a Ray node may come back"


@dataclass(frozen=True)
class Left(Absent):
    """`of` is not on a host that has left the cluster."""

    why: ClassVar[str] = "the host is no longer in the inventory"

    @property
    def label(self) -> str:
        # As which of Ray's nodes it was there is not known.
        return self.of.label.removesuffix(" head")


@dataclass(frozen=True)
class Idle(Left):
    """`of` is not on a spare."""

    why: ClassVar[str] = "the host is a spare: it runs nothing until another is gone"


def with_former(playbook: Callable[[Cluster], Playbook], *, removes: bool) -> Callable[[Cluster], Playbook]:
    """`playbook`, which takes from the cluster's former hosts what it would have put on a cluster of that host alone;
    and stops what runs under a former name of the cluster. `removes`: it is made to be taken away as a whole."""

    def complete(cluster: Cluster) -> Playbook:
        book = playbook(cluster)
        gone: list[Step] = []
        for node in cluster.former:
            gone += _of_former(playbook, cluster, node, removes)
        for node in cluster.spares:
            gone += _of_spare(playbook, cluster, node)
        for node in cluster.nodes:
            gone += [Step(node.name, replace(still_running(cluster, node), cluster=name)) for name in cluster.renamed]
        if not gone:
            return book
        keys = {node.name: _in_the_way(node, cluster, gone) for node in cluster.nodes}
        if not removes:
            book.steps = [replace(step, after=(*step.after, *keys.get(step.host, ()))) for step in book.steps]
        book.steps = [*gone, *book.steps]
        if cluster.former:
            book.sift = _OneEach(book.sift, tuple(node.name for node in cluster.former))
        every = tuple(step.key for step in gone)
        book.proofs = [
            placed if placed.before else replace(placed, after=(*placed.after, *every)) for placed in book.proofs
        ]
        return book

    return complete


def _of_former(playbook: Callable[[Cluster], Playbook], cluster: Cluster, node: Node, removes: bool) -> list[Step]:
    """As if it were a cluster by itself, of which it is the head: services have the same folder on every host."""
    name, _, address = node.name.partition("@")
    if address:
        # Another machine has its name by now: nothing there says which files are whose.
        return [Step(node.name, replace(still_running(cluster, node), host=name))]
    theirs = _alone(playbook, cluster, node)
    if removes:
        return [Step(node.name, resource) for resource in theirs]
    taken: list[Resource] = [Left(resource) for resource in reversed(theirs) if _goes_with_down(resource)]
    return [Step(node.name, resource) for resource in (*taken, still_running(cluster, node))]


def _of_spare(playbook: Callable[[Cluster], Playbook], cluster: Cluster, node: Node) -> list[Step]:
    """It has what takes long to bring, and runs nothing."""
    theirs = _alone(playbook, cluster, node)
    running: list[Resource] = [Idle(resource) for resource in reversed(theirs) if isinstance(resource, Service)]
    lasting = [resource for resource in theirs if resource.fixable and _lasts(resource)]
    return [Step(node.name, resource) for resource in (*running, *lasting)]


def _lasts(resource: Resource) -> bool:
    return resource.removable == "purge" or isinstance(resource, SystemUser)


def _alone(playbook: Callable[[Cluster], Playbook], cluster: Cluster, node: Node) -> list[Resource]:
    """What would be on the host if it were a cluster by itself."""
    alone = replace(node, host=node.host.model_copy(update={"role": "head"}))
    inventory = cluster.inventory.model_copy(update={"hosts": (alone.host,)})
    book = playbook(replace(cluster, inventory=inventory, nodes=(alone,), former=(), renamed=(), spares=()))
    return [step.resource for step in book.steps if step.host == node.name]


def _goes_with_down(resource: Resource) -> bool:
    return resource.fixable and resource.removable is True and not isinstance(resource, (Absent, StillRunning))


def _in_the_way(node: Node, cluster: Cluster, gone: list[Step]) -> tuple[str, ...]:
    """Keys of what must be ended before anything begins on `node`: it is the same machine, under another name."""
    same = {former.name for former in cluster.former if former.host.address == node.host.address}
    return tuple(step.key for step in gone if step.host in same or step.host == node.name)


@dataclass(frozen=True)
class _OneEach:
    """That a host has left is one finding, whatever is still there of the cluster."""

    sift: Callable[[Sequence[Finding]], list[Finding]]
    hosts: tuple[str, ...]

    def __call__(self, findings: Sequence[Finding]) -> list[Finding]:
        kept = self.sift([finding for finding in findings if finding.host not in self.hosts])
        for host in self.hosts:
            theirs = [finding for finding in findings if finding.host == host]
            if theirs:
                said = f"{host} is no longer in the inventory, and has still {', '.join(f.fact for f in theirs)}"
                kept.append(replace(theirs[0], fact="former member", said=said, why=WHY))
        return kept
