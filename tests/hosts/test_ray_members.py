"""What the barrier says of those who joined Ray, with a stand-in for Ray's own answer. With real Ray: tests/cluster."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from provision.payload.bundle import bundle
from provision.payload.ray_members import ELSEWHERE

RAY = """
import json, os

def init(*_, **__):
    pass

def nodes():
    return json.loads(os.environ["JOINED"])

class _raylet:
    class GcsClient:
        def __init__(self, address):
            assert address == os.environ["RAY_ADDRESS"]

        def drain_node(self, node_id, reason, message, deadline):
            assert (node_id, reason, deadline) == ("id of 10.10.0.3", 2, 0)
            return (False, "no") if os.environ["REFUSES"] else (True, "")
"""
EXPECTED = "10.10.0.1 8 gpu-01\n10.10.0.2 8 gpu-02"
FORMER = "10.10.0.3 gpu-03"
OTHERS = "192.0.2.1 gpu-01\n192.0.2.2 gpu-02"


@pytest.fixture
def barrier(tmp_path: Path):  # type: ignore[no-untyped-def]
    (tmp_path / "ray.py").write_text(RAY)

    def run(*joined: tuple[str, int], refuses: str = "", own: str = "", wanted: str = "") -> tuple[int, str]:
        """`joined`: (address, GPUs) of each node that Ray counts; `own`: a custom resource that they have. `wanted`:
        those that the barrier waits for."""
        nodes = [
            {"Alive": True, "NodeID": f"id of {ip}", "NodeManagerAddress": ip, "Resources": {"GPU": gpus, own: 1.0}}
            for ip, gpus in joined
        ]
        environment = {"PYTHONPATH": str(tmp_path), "RAY_ADDRESS": "x", "SECONDS_LEFT": "0", "NODE_IP": "10.10.0.1"}
        environment |= {
            "EXPECTED": EXPECTED,
            "OTHERS": OTHERS,
            "FORMER": FORMER,
            "JOINED": json.dumps(nodes),
            "REFUSES": refuses,
            "RESOURCES": wanted,
        }
        done = subprocess.run(
            [sys.executable, "-"],
            input=bundle("ray_members:main"),
            env=environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return done.returncode, done.stderr.strip()

    return run


def test_all_that_are_expected_are_enough(barrier) -> None:  # type: ignore[no-untyped-def]
    assert barrier(("10.10.0.1", 8), ("10.10.0.2", 8)) == (0, "")


def test_a_worker_that_advertises_another_address_is_named_with_both(barrier) -> None:  # type: ignore[no-untyped-def]
    said = barrier(("10.10.0.1", 8), ("192.0.2.2", 8))
    assert said == (1, f"{ELSEWHERE}: gpu-02 (at 192.0.2.2, not at 10.10.0.2)")


def test_a_worker_that_did_not_join_is_named(barrier) -> None:  # type: ignore[no-untyped-def]
    assert barrier(("10.10.0.1", 8)) == (1, "did not join Ray in time: gpu-02 (10.10.0.2)")


def test_a_worker_with_too_few_gpus_is_named(barrier) -> None:  # type: ignore[no-untyped-def]
    said = barrier(("10.10.0.1", 8), ("10.10.0.2", 4))
    assert said == (1, "joined with too few GPUs: gpu-02 (4 of 8 GPUs)")


def test_a_worker_without_its_resources_is_named(barrier) -> None:  # type: ignore[no-untyped-def]
    joined = (("10.10.0.1", 8), ("10.10.0.2", 8))
    said = barrier(*joined, own="worker_node", wanted="10.10.0.2 gpu-02 worker_node worker_id_0")
    assert said == (1, "joined without resources: gpu-02 (worker_id_0)")
    assert barrier(*joined, own="worker_node", wanted="10.10.0.2 gpu-02 worker_node") == (0, "")


@pytest.mark.parametrize("address", ["10.10.0.9", "192.0.2.2"], ids=["unknown", "a second time"])
def test_whoever_joined_besides_is_named(barrier, address: str) -> None:  # type: ignore[no-untyped-def]
    said = barrier(("10.10.0.1", 8), ("10.10.0.2", 8), (address, 8))
    assert said == (1, f"joined, but are not in the inventory: {address}")


def test_whoever_was_a_member_is_asked_to_leave_and_is_no_stranger(barrier) -> None:  # type: ignore[no-untyped-def]
    assert barrier(("10.10.0.1", 8), ("10.10.0.2", 8), ("10.10.0.3", 8)) == (0, "")
    said = barrier(("10.10.0.1", 8), ("10.10.0.2", 8), ("10.10.0.3", 8), refuses="yes")
    assert said == (1, "joined, but are not in the inventory: 10.10.0.3")
