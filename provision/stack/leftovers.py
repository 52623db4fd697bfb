"""What is left of a cluster on its hosts and belongs to no step: the last look of `down`, and the first of `up`.

Stamps and folders come and go; marks stay (provision/resources/still_running.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from provision.cluster.cluster import Cluster, Node
from provision.core.mark import Mark
from provision.core.playbook import Playbook, Step
from provision.core.resource import Resource
from provision.resources.absent import Absent
from provision.resources.existing import ExistingEnvironment
from provision.resources.image import Image
from provision.resources.own_folder import OwnFolder
from provision.resources.ray import RayHead
from provision.resources.rest import Rest
from provision.resources.service import Service
from provision.resources.still_running import StillRunning
from provision.resources.tls import file_of
from provision.resources.vllm import VllmServer
from provision.stack.users import scratch

#: The services of the built-in playbooks. Others are of a playbook of somebody's own, which another run may not have.
SERVICES = ("ray", "vllm")


def with_leftovers(playbook: Callable[[Cluster], Playbook], *, removes: bool) -> Callable[[Cluster], Playbook]:
    """`playbook`, which ends on every host what runs of the cluster and is none of its services: `removes`, all that
    has the cluster's mark, after everything else, and last takes away what lies there and is no step's; else services
    of the built-in playbooks, before everything else."""

    def complete(cluster: Cluster) -> Playbook:
        book = playbook(cluster)
        resources = book.by_host()
        first = []
        for node in (*cluster.nodes, *(cluster.former if removes else ())):
            covered = set() if removes else _services(resources.get(node.name, []))
            only = () if removes else tuple(name for name in SERVICES if name not in covered)
            if removes or only:
                first.append(Step(node.name, still_running(cluster, node, only)))
        _put_first(book, first)
        if removes:
            # `down` goes backwards.
            nodes = (*cluster.nodes, *cluster.former)
            book.steps[:0] = [step for n in nodes for step in _rest(resources.get(n.name, []), cluster, n)]
        return book

    return complete


def still_running(cluster: Cluster, node: Node, only: tuple[str, ...] = (), left: str = "") -> StillRunning:
    """`left`: as of StillRunning."""
    folder = f"{node.root}/clusters/{cluster.name}/{node.name}"
    names = only or SERVICES
    return StillRunning(
        cluster.name,
        node.name,
        left,
        node.host.services_user,
        only,
        tuple(f"{folder}/{name}" for name in names),
        tuple(place for place in scratch(cluster, node) if place) if "ray" in names else (),
    )


def going(cluster: Cluster, node: Node) -> tuple[str, ...]:
    """How the marks begin of what the run ends on `node` under a former name of the host or of the cluster."""
    hosts = tuple(f"{cluster.name}/{former.name.partition('@')[0]}/" for former in cluster.former)
    return (*hosts, *(f"{name}/{node.name}/" for name in cluster.renamed))


def _rest(resources: Sequence[Resource], cluster: Cluster, node: Node) -> list[Step]:
    """Under a name that another machine has by now nothing says which files are whose."""
    if "@" in node.name:
        return []
    places = {PurePosixPath(place) for resource in resources for place in _places(resource)}
    found = []
    for name in (cluster.name, *cluster.renamed):
        folder = PurePosixPath(node.root, "clusters", name, node.name)
        covered = sorted(place.name for place in places if place.parent == folder)
        # Backwards: what is no step's goes first.
        found += [Step(node.name, OwnFolder(str(folder))), Step(node.name, Rest(str(folder), tuple(covered)))]
    return found


def _places(resource: Resource) -> tuple[str, ...]:
    """Of what a step takes away itself."""
    of = resource.of if isinstance(resource, Absent) else resource
    if isinstance(of, Image):
        return (str(PurePosixPath(of.path).parent),)
    if isinstance(of, ExistingEnvironment):
        return (of.record,)
    if not isinstance(of, Service):
        path = getattr(of, "path", "")
        return (str(path),) if path else ()
    folder = of.place.folder
    if isinstance(of, VllmServer):
        return (folder, of.guarded.folder, file_of(folder))
    return (folder, of.starter.folder) if isinstance(of, RayHead) else (folder,)


def _services(here: Sequence[Resource]) -> set[str]:
    """Names of those that a step has, be it to keep them away."""
    wanted = [resource.of if isinstance(resource, Absent) else resource for resource in here]
    marks = [Mark.parse(resource.place.owner_mark) for resource in wanted if isinstance(resource, Service)]
    return {mark.service for mark in marks if mark is not None}


def _put_first(book: Playbook, steps: Sequence[Step]) -> None:
    """The last of them first. `down` goes backwards. What listens at ports that hosts try first is ended before they
    do."""
    book.steps[:0] = reversed(steps)
    keys = tuple(step.key for step in steps)
    book.proofs = [placed if placed.before else replace(placed, after=(*placed.after, *keys)) for placed in book.proofs]
