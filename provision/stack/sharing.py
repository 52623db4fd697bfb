"""What `down --purge` leaves, because hosts that it does not reach, or was not asked about, use it too.

Hosts may share `root`, as a home folder on a file server; environments and weights are then one for all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from provision.cluster.cluster import Cluster
from provision.core.playbook import Playbook, Step
from provision.resources.venv import Venv
from provision.resources.weights import Weights


def with_sharers(playbook: Callable[[Cluster], Playbook], *, removes: bool) -> Callable[[Cluster], Playbook]:
    """`playbook`, which takes no environment and no weights from hosts of the cluster that this run is not at work on.
    `removes`: it is made to be taken away."""

    def complete(cluster: Cluster) -> Playbook:
        book = playbook(cluster)
        away = tuple(node.name for node in cluster.nodes if node.facts is None)
        if removes and away:
            book.steps = [_for_others(step, away) for step in book.steps]
        return book

    return complete


def _for_others(step: Step, away: tuple[str, ...]) -> Step:
    resource = step.resource
    if isinstance(resource, (Venv, Weights)) and step.host not in away:
        return replace(step, resource=replace(resource, others=away))
    return step
