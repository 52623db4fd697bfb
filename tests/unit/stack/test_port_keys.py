"""Each port that a playbook looks at has the inventory's key that moves it, if there is one: moved by it, the hint
names another port."""

from __future__ import annotations

import pytest
from cluster_samples import cluster

from provision.cluster.cluster import Cluster
from provision.engine.playbook_loader import PlaybookFile, built_in
from provision.inventory.models import Ray, Serve
from provision.resources.ports import PortsFree
from provision.resources.service_logs import ServiceLogs
from provision.stack.backends import DEFAULT

ON_RAY = Serve(model="/models/tiny", tensor_parallel=2, pipeline_parallel=2)
WITHOUT = Serve(model="/models/tiny", backend="mp", tensor_parallel=2, pipeline_parallel=2)


def looked_at(playbook: str, made: Cluster) -> list[PortsFree]:
    book = PlaybookFile(built_in(playbook), built_in(DEFAULT)).load()(made)
    return [step.resource for step in book.steps if isinstance(step.resource, PortsFree)]


@pytest.mark.parametrize(("playbook", "serve"), [("vllm_ray", ON_RAY), ("vllm_mp", WITHOUT)])
def test_every_port_has_its_key_on_every_host(playbook: str, serve: Serve) -> None:
    found = looked_at(playbook, cluster(serve=serve))
    assert found
    for one in found:
        assert {port for port, _ in one.ports} <= {port for port, _ in one.keys}
        assert len({key for _, key in one.keys}) == len(one.keys)
    assert len({tuple(key for _, key in one.keys) for one in found}) == 1, "what is said of all hosts is not the same"


@pytest.mark.parametrize(
    ("key", "playbook", "serve"),
    [
        *((f"ray.{name}", "vllm_ray", ON_RAY) for name in Ray.model_fields if name.endswith("port")),
        ("serve.port", "vllm_ray", ON_RAY),
        ("serve.port", "vllm_mp", WITHOUT),
        ("serve.master_port", "vllm_mp", WITHOUT),
    ],
)
def test_the_key_moves_that_port_and_no_other(key: str, playbook: str, serve: Serve) -> None:
    section, _, name = key.partition(".")
    before = looked_at(playbook, cluster(serve=serve))
    named = {port for one in before for port, said in one.keys if said == key}
    if not named:
        assert name in ("dashboard_port", "min_worker_port", "max_worker_port"), "nobody looks whether it is free"
        return
    serve = serve.model_copy(update={name: 4711}) if section == "serve" else serve
    ray = Ray(**{name: 4711}) if section == "ray" else Ray()
    after = looked_at(playbook, cluster(serve=serve, ray=ray))
    moved = {port for one in after for port, _ in one.ports} ^ {port for one in before for port, _ in one.ports}
    assert moved == {*named, 4711}
    assert {port for one in after for port, said in one.keys if said == key} == {4711}


@pytest.mark.parametrize(("playbook", "serve"), [("vllm_ray", ON_RAY), ("vllm_mp", WITHOUT)])
def test_the_diagnosis_of_a_failed_service_knows_the_keys_too(playbook: str, serve: Serve) -> None:
    made = cluster(serve=serve.model_copy(update={"port": 4711}))
    book = PlaybookFile(built_in(playbook), built_in(DEFAULT)).load()(made)
    (logs,) = (one.inquiry for one in book.inquiries if isinstance(one.inquiry, ServiceLogs))
    assert dict(logs.ports)[4711] == "serve.port"
