"""Which hosts may have large files from each other, and whether they are asked to."""

from dataclasses import replace

import pytest
from cluster_samples import cluster

from provision.cluster.cluster import Cluster
from provision.cluster.relaying import carriers
from provision.inventory.models import Runtime
from provision.inventory.transfers import Transfers

FILE = Runtime(container="docker", image="./vllm.tar")
PULLED = Runtime(container="docker", image="vllm/vllm-openai:v0.33.0", pull="controller")
FROM_REGISTRY = Runtime(container="docker", image="vllm/vllm-openai:v0.33.0", pull="registry")


def made(transfer: Transfers, runtime: Runtime | None, *, unknown: bool = False) -> Cluster:
    found = cluster(unknown=unknown)
    return replace(found, inventory=found.inventory.model_copy(update={"transfer": transfer, "runtime": runtime}))


@pytest.mark.parametrize(
    ("relay", "runtime", "asked"),
    [
        ("", None, False),
        ("", FILE, False),
        ("", FROM_REGISTRY, False),
        ("", PULLED, True),
        ("never", PULLED, False),
        ("auto", PULLED, True),
        ("auto", FILE, True),
        ("auto", None, True),
    ],
)
def test_an_image_that_the_controller_pulls_goes_from_host_to_host(
    relay: str, runtime: Runtime | None, *, asked: bool
) -> None:
    found = carriers(made(Transfers(relay=relay), runtime))
    assert bool(found) is asked
    assert found.keys() == ({"gpu-01", "gpu-02"} if asked else set())


def test_a_host_that_was_not_reached_takes_no_part() -> None:
    assert carriers(made(Transfers(relay="auto"), None, unknown=True)).keys() == {"gpu-01"}
