"""Real Ray and real vLLM over two hosts with `sudo: true`, hardened as always, and nobody there: whatever ends, the
model answers again, `check` is in sync afterwards, and tells the truth meanwhile. Minutes each, since the model is
loaded anew; the short forms are in test_ray_with_sudo.py and test_vllm_with_sudo.py."""

from collections.abc import Callable

import pytest
from clusters import Cluster

from provision.lab.demo import MODEL
from provision.lab.tiny_model import write_tiny_model

pytestmark = pytest.mark.long

NAMES = ("lab-1", "lab-2")
API, ENGINE, RAYLET, STORE = r"bin/vllm serve ", r"VLLM::EngineCore", r"raylet/raylet ", r"gcs/gcs_server "


@pytest.fixture(scope="module")
def cluster(make_cluster: Callable[..., Cluster], tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    folder = tmp_path_factory.mktemp("stack")
    write_tiny_model(folder / "layer" / MODEL.lstrip("/"))
    made = make_cluster(
        "test-stay-up",
        hosts=2,
        gpus=1,
        stack={"model": MODEL, "tensor_parallel": 1, "pipeline_parallel": 2},
        settings={"sudo": True},
        layers=(folder / "layer",),
    )
    result = made.provision("up")
    assert result.code == 0, result.stderr
    return made


def process(cluster: Cluster, name: str, pattern: str) -> str:
    """The id of the first process of the host that is such; empty where there is none."""
    return (cluster.processes(name, pattern) or [""])[0].split(" ")[0]


def kill(cluster: Cluster, name: str, pattern: str) -> None:
    found = process(cluster, name, pattern)
    assert found
    cluster.host(name).exec(["kill", "-9", found])


def answers_again(cluster: Cluster, former: str) -> None:
    """Nobody does anything about it: `check` writes nothing, and asks the model for a token."""

    def back() -> bool:
        return process(cluster, "lab-1", API) not in ("", former) and cluster.provision("check").code == 0

    assert cluster.eventually(back, seconds=900), cluster.provision("check").text
    smoke = cluster.provision("smoke")
    assert smoke.code == 0, smoke.stderr
    again = cluster.provision("up")
    assert (again.code, again.changes) == (0, [])


@pytest.mark.parametrize(
    ("name", "pattern"),
    [("lab-1", ENGINE), ("lab-1", API), ("lab-2", RAYLET), ("lab-1", STORE), ("lab-1", RAYLET)],
    ids=["engine", "API server", "a worker's raylet", "the head's store", "the head's raylet"],
)
def test_a_process_that_is_killed(cluster: Cluster, name: str, pattern: str) -> None:
    former = process(cluster, "lab-1", API)
    kill(cluster, name, pattern)
    assert cluster.eventually(lambda: "starting again" in cluster.provision("check").text, seconds=120)
    answers_again(cluster, former)


@pytest.mark.parametrize("name", NAMES[::-1])
def test_a_host_that_is_rebooted(cluster: Cluster, name: str) -> None:
    former = process(cluster, "lab-1", API)
    cluster.host(name).reboot()
    answers_again(cluster, "" if name == "lab-1" else former)


def test_all_hosts_without_power_at_once(cluster: Cluster) -> None:
    for name in NAMES:
        cluster.host(name).kill()
    # The worker first, which then has to wait for the head.
    for name in NAMES[::-1]:
        cluster.host(name).start()
    answers_again(cluster, "")


@pytest.mark.parametrize(
    ("name", "pattern", "said"),
    [
        ("lab-1", ENGINE, "no answer to a question within 20 s"),
        ("lab-2", RAYLET, "the raylet does not answer at"),
        ("lab-1", STORE, "Ray's control store does not answer at"),
    ],
    ids=["engine", "a worker's raylet", "the head's store"],
)
def test_what_was_stopped_by_a_signal_is_noticed_and_restarted_by_up(
    cluster: Cluster, name: str, pattern: str, said: str
) -> None:
    """The short form, with stand-ins: `frozen` among the faults."""
    former = process(cluster, "lab-1", API)
    cluster.host(name).exec(["kill", "-STOP", process(cluster, name, pattern)])
    drift = cluster.provision("check")
    assert drift.code == 3
    assert said in drift.text
    result = cluster.provision("up")
    assert result.code == 0, result.stderr
    answers_again(cluster, former)


def test_down_leaves_no_unit(cluster: Cluster) -> None:
    assert cluster.provision("down").code == 0
    for name in NAMES:
        find = ["find", "/etc/systemd", "/run/systemd/system", "-name", "provision-test-stay-up-*"]
        assert cluster.host(name).exec(find).stdout == ""
        assert cluster.processes(name, r"raylet|gcs_server|vllm|VLLM") == []
