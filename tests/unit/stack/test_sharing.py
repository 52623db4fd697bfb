"""Who else uses what `down --purge` would take away; the hosts say whether they do: tests/hosts/test_venv.py."""

import cluster_samples

from provision.core.resource import Resource
from provision.engine.playbook_loader import PlaybookFile, built_in
from provision.inventory.models import Serve, WeightsSource
from provision.resources.venv import Venv
from provision.resources.weights import Weights
from provision.stack.backends import DEFAULT
from provision.stack.exposed import guarded

LIKE = built_in(DEFAULT)
SERVE = Serve(model="Qwen/Qwen3-8B", weights=WeightsSource(source="hub"))


def shared(*, unknown: bool, removes: bool) -> dict[str, list[Resource]]:
    """Of each host, what might be of others, too."""
    cluster = cluster_samples.cluster(serve=SERVE, unknown=unknown)
    book = guarded(PlaybookFile(LIKE, like=LIKE).load(), removes=removes)(cluster)
    found: dict[str, list[Resource]] = {}
    for step in book.steps:
        if isinstance(step.resource, (Venv, Weights)):
            found.setdefault(step.host, []).append(step.resource)
    return found


def others(resource: Resource) -> tuple[str, ...]:
    assert isinstance(resource, (Venv, Weights))
    return resource.others


def test_a_host_that_is_not_reached_or_was_left_out_may_use_it() -> None:
    here = shared(unknown=True, removes=True)["gpu-01"]
    assert [type(resource) for resource in here] == [Venv, Weights]
    assert [others(resource) for resource in here] == [("gpu-02",)] * 2


def test_of_all_hosts_everything_goes() -> None:
    assert {others(resource) for each in shared(unknown=False, removes=True).values() for resource in each} == {()}


def test_up_asks_nobody() -> None:
    assert {others(resource) for each in shared(unknown=True, removes=False).values() for resource in each} == {()}


def test_weights_that_another_host_uses_are_not_ours_to_remove() -> None:
    weights = next(r for r in shared(unknown=True, removes=True)["gpu-01"] if isinstance(r, Weights))
    there = {"marked": "yes", "sound": "yes", "digest": "ab"}
    assert weights.diff(there, None)
    assert weights.diff({**there, "kept": "gpu-02"}, None) == ()
