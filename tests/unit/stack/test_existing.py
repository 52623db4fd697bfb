"""A cluster whose programs are those of an environment that somebody else has made."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from cluster_samples import cluster, facts

from provision.cluster.cluster import Cluster
from provision.cluster.existing import FACT, question, with_existing
from provision.core.finding import Finding, Known, Severity
from provision.core.playbook import Playbook
from provision.engine.playbook_loader import PlaybookFile, built_in
from provision.inventory.models import Python, Serve
from provision.resources.existing import ExistingEnvironment
from provision.resources.rest import Rest
from provision.resources.vllm import VllmOnRay
from provision.stack.backends import DEFAULT
from provision.stack.environments import Environments
from provision.stack.leftovers import with_leftovers

LIKE = built_in(DEFAULT)
HELD = {"vllm": "0.33.0", "ray": "2.56.1", "torch": "2.14.0", "numpy": "2.1.0"}


def printed(python: str, packages: Mapping[str, str], records: str = "ab") -> dict[str, str]:
    dist = "/".join(f"{name}-{version}.dist-info" for name, version in packages.items())
    return {FACT: f"python={python}\ndist={dist}\nrecords={records}\n"}


def existing(python: str = "3.12.4", **worker: str) -> Cluster:
    """`worker`: what it has in other versions."""
    made = cluster(
        serve=Serve(model="/models/tiny", tensor_parallel=2, pipeline_parallel=2),
        head=facts("10.0.0.1", printed=printed("3.12.4", HELD)),
        worker=facts("10.0.0.2", printed=printed(python, {**HELD, **worker})),
        packages=(),
    )
    return with_existing(
        replace(made, inventory=made.inventory.model_copy(update={"python": Python(existing="/opt/vllm")}))
    )


def book(of: Cluster, *, removes: bool = False) -> Playbook:
    return with_leftovers(PlaybookFile(LIKE, like=LIKE).load(), removes=removes)(of)


def test_what_the_head_holds_is_known_as_a_lock_is() -> None:
    made = existing()
    assert (made.lock.packages, made.python) == (HELD, "3.12.4")
    assert not [found for found in book(made).blockers if "packages" in found.message]
    assert question(made.inventory) and not question(cluster().inventory)


def test_all_that_runs_is_from_there_and_starts_anew_when_it_changes() -> None:
    def servers(of: Cluster) -> list[VllmOnRay]:
        return [step.resource for step in book(of).steps if isinstance(step.resource, VllmOnRay)]

    (server,) = servers(existing())
    assert server.python == "/opt/vllm"
    assert server.base["PATH"].startswith("/opt/vllm/bin:") and server.base["PYTHONNOUSERSITE"] == "1"
    made = existing()
    changed = printed("3.12.4", HELD, records="cd")
    other = replace(made, nodes=(replace(made.nodes[0], facts=facts("10.0.0.1", printed=changed)), made.nodes[1]))
    (again,) = servers(with_existing(other))
    assert server.lock and again.lock != server.lock


def test_down_leaves_what_was_written_down_to_purge_and_never_the_environment() -> None:
    made = book(existing(), removes=True)
    assert all("environment" in step.resource.covered for step in made.steps if isinstance(step.resource, Rest))
    found = [step.resource for step in made.steps if isinstance(step.resource, ExistingEnvironment)]
    assert len(found) == 2 and all(one.removable == "purge" for one in found)


def told(of: Cluster, **known: Mapping[str, str]) -> list[Finding]:
    cells = {
        host.replace("_", "-"): tuple(Known("packages", fact, value) for fact, value in values.items())
        for host, values in known.items()
    }
    return list(Environments(of)(cells))


@pytest.mark.parametrize("name", ["vllm", "ray", "torch", "python"])
def test_what_ranks_cannot_differ_in_blocks(name: str) -> None:
    held = {**HELD, "python": "3.12.4", "environment": "/opt/vllm"}
    assert told(existing(), gpu_01=held, gpu_02=held) == []
    (found,) = told(existing(), gpu_01=held, gpu_02={**held, name: "9.9"})
    assert (found.host, found.fact, found.found, found.severity) == ("gpu-02", name, "9.9", Severity.BLOCKS)
    assert "provision changes nothing in /opt/vllm" in found.hint


def test_the_rest_is_told_once_for_a_host_and_blocks_nothing() -> None:
    held = {**HELD, "python": "3.12.4"}
    (found,) = told(existing(), gpu_01=held, gpu_02={**held, "numpy": "1.0", "more": "1.0"})
    assert (found.host, found.severity) == ("gpu-02", Severity.DRIFT)
    assert found.evidence == ("more 1.0, not absent", "numpy 1.0, not 2.1.0")
