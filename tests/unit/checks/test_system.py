"""What is not sound about the rest of a host."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from judge_samples import GIB, MODEL, cluster, gpus, told

from provision.checks.system import of_system
from provision.core.finding import Finding
from provision.facts import ModelFolder, PythonFound
from provision.inventory.models import Serve


def found(count: int, spoiled: dict[int, dict[str, Any]] | None = None, **made: Any) -> list[Finding]:
    return list(of_system(cluster(count, spoiled, **made)))


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_a_sound_host_has_no_finding(count: int) -> None:
    assert found(count) == []


def test_little_shared_memory_is_named_where_ranks_of_one_host_share_it() -> None:
    (finding,) = found(2, {2: {"shm_bytes": 64 * 2**20}})
    assert told([finding]) == [("gpu-02", "/dev/shm", "warning")]
    assert finding.message == "/dev/shm is `64 MiB`, should be `>= 1 GiB`"
    assert found(2, {2: {"shm_bytes": GIB}}) == []
    assert found(2, {2: {"shm_bytes": 0}}) == []


@pytest.mark.parametrize(
    ("backend", "hosts", "spoiled", "named"),
    [("ray", 1, 1, True), ("ray", 2, 1, True), ("ray", 2, 2, False), ("mp", 1, 1, True), ("mp", 2, 2, True)],
)
def test_with_one_gpu_the_rings_to_the_ranks_must_fit(backend: Any, hosts: int, spoiled: int, named: bool) -> None:
    serve = Serve(model=MODEL, backend=backend)

    def of(mebibytes: int, count: int = 1, **made: Any) -> list[Finding]:
        small = {"shm_bytes": mebibytes << 20, "gpus": gpus(spoiled, count)}
        return [one for one in found(hosts, {spoiled: small}, **made) if one.fact == "/dev/shm"]

    told = [finding.message for finding in of(64, serve=serve)]
    assert told == (["/dev/shm is `64 MiB`, should be `>= 256 MiB`"] if named else [])
    assert of(256, serve=serve) == of(64, serve=None) == of(64, 0, serve=serve) == []


@pytest.mark.parametrize(
    ("limit", "named"), [(1024, True), (8191, True), (8192, False), (2**63 - 1, False), (0, False)]
)
def test_rays_own_least_of_open_files_counts(limit: int, named: bool) -> None:
    assert told(found(2, {2: {"nofile_hard": limit}})) == [("gpu-02", "open files", "warning")] * named


@pytest.mark.parametrize(
    ("free", "named"), [(0, True), (GIB // 2, True), (4 * GIB, True), (5 * GIB, False), (74 * GIB, False)]
)
def test_a_disk_without_room_for_an_environment_is_named(free: int, named: bool) -> None:
    assert told(found(2, {2: {"disk_free_bytes": free}})) == [("gpu-02", "disk free", "warning")] * named


def test_what_is_free_may_be_unknown() -> None:
    assert found(2, {2: {"disk_free_bytes": 0, "shm_bytes": 0}}) == []


def test_a_full_disk_has_no_room_for_logs_either() -> None:
    (half,), (full,) = found(1, {1: {"disk_free_bytes": 2 * GIB}}), found(1, {1: {"disk_free_bytes": GIB // 2}})
    assert "logs" in full.why and "logs" not in half.why
    assert "/home/ubuntu/.provision" in full.hint


def test_a_model_that_is_not_on_a_host_blocks_there() -> None:
    (finding,) = found(3, {3: {"model": ModelFolder(MODEL)}})
    assert told([finding]) == [("gpu-03", "model folder", "blocks")]
    assert finding.message == f"there is no folder {MODEL}"


@pytest.mark.parametrize("written", ["{home}/m", "~/m"])
def test_of_one_that_this_machine_has_it_is_said_how_it_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    model = written.format(home=tmp_path)
    made = {"serve": Serve(model=model)}
    (without,) = found(1, {1: {"model": ModelFolder(model)}}, **made)
    assert without.hint.endswith("or mount it there")
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "config.json").write_text("{}")
    (having,) = found(1, {1: {"model": ModelFolder(model)}}, **made)
    assert f"`weights: {{path: {model}}}` in `serve` sends it to all of them" in having.hint


def test_a_model_folder_without_files_blocks() -> None:
    (finding,) = found(1, {1: {"model": ModelFolder(MODEL, True)}})
    assert told([finding]) == [("gpu-01", "model folder", "blocks")]
    assert finding.message == f"no files are visible in the model's folder {MODEL}"


def test_parts_of_the_weights_that_are_missing_are_named_on_their_host() -> None:
    gone = tuple(f"model-{number:05}-of-00004.safetensors" for number in (2, 4))
    (finding,) = found(2, {2: {"model": ModelFolder(MODEL, True, 3, GIB, missing=gone)}})
    assert told([finding]) == [("gpu-02", "model folder", "blocks")]
    assert finding.message == f"{MODEL} has no {gone[0]}, and 1 more part of the weights"
    (one,) = found(2, {2: {"model": ModelFolder(MODEL, True, 3, GIB, missing=gone[1:])}})
    assert one.message == f"{MODEL} has no {gone[1]}, a part of the weights"


def test_a_model_of_a_hub_or_no_model_asks_for_no_folder() -> None:
    assert found(2, {2: {"model": None}}) == []
    assert found(2, {2: {"model": ModelFolder(MODEL)}}, serve=None) == []


@pytest.mark.parametrize(
    ("offsets", "expected"),
    [
        ({1: 0.9, 2: -0.9, 3: 1.4}, []),
        ({2: 12.0}, [("gpu-02", "clock", "warning")]),
        ({2: -12.0}, [("gpu-02", "clock", "warning")]),
        ({2: 3600.0}, [("gpu-02", "clock", "drift")]),
        ({2: None}, []),
    ],
)
@pytest.mark.parametrize("count", [3, 8])
def test_a_clock_is_held_against_those_of_the_other_hosts(
    count: int, offsets: dict[int, float | None], expected: list[tuple[str, str, str]]
) -> None:
    assert told(found(count, {i: {"clock_offset": value} for i, value in offsets.items()})) == expected


def test_a_controller_whose_clock_is_wrong_is_not_the_hosts_fault() -> None:
    assert found(3, {i: {"clock_offset": 3600.0 + i / 10} for i in (1, 2, 3)}) == []


def test_of_one_or_two_hosts_the_controllers_clock_has_a_say() -> None:
    (finding,) = found(1, {1: {"clock_offset": 400.0}})
    assert told([finding]) == [("gpu-01", "clock", "warning")]
    assert finding.message == "its clock is 7 min ahead of the one here"
    assert told(found(2, {2: {"clock_offset": -9.0}})) == [("gpu-02", "clock", "warning")]


def test_a_clock_says_which_way_it_is_off() -> None:
    (ahead,), (behind,) = found(3, {2: {"clock_offset": 90.3}}), found(3, {2: {"clock_offset": -89.7}})
    assert ahead.message == "its clock is 90 s ahead of the other hosts'"
    assert behind.message == "its clock is 90 s behind the other hosts'"
    assert (ahead.found, behind.found) == ("+90 s", "-90 s")


def test_a_host_without_systemd_is_sound() -> None:
    assert found(2, {2: {"systemd": False}}) == []


PYTHON = PythonFound("/usr/bin/python3.12", "3.12")
NVCC = {"CUDA compiler": "/usr/local/cuda/bin/nvcc\n"}


@pytest.mark.parametrize(
    ("printed", "pythons", "packages", "named"),
    [
        ({"Python headers": "3.11 \n", "CUDA compiler": "none\n"}, (PYTHON,), {"triton"}, ["Python headers"]),
        ({"Python headers": "\n", "CUDA compiler": "/usr/bin/nvcc\n"}, (PYTHON,), {"triton"}, ["Python headers"]),
        ({"Python headers": "3.11 3.12 \n", "CUDA compiler": "none\n"}, (PYTHON,), {"triton"}, []),
        # uv's own has them, and so has one that it fetches.
        ({"Python headers": "\n", "CUDA compiler": "none\n"}, (), {"triton"}, []),
        (
            {"Python headers": "\n", "CUDA compiler": "none\n"},
            (PYTHON, PythonFound("/opt/uv/bin/python3.12", "3.12")),
            {"triton"},
            [],
        ),
        # Without NVIDIA's driver neither is asked for.
        ({}, (PYTHON,), {"triton", "flashinfer-python"}, []),
        ({"CUDA compiler": "none\n"}, (), {"flashinfer-python"}, ["CUDA compiler"]),
        ({"CUDA compiler": "/usr/local/cuda/bin/nvcc\n"}, (), {"flashinfer-python"}, []),
        ({"CUDA compiler": "none\n"}, (), {"flashinfer-python", "flashinfer-cubin"}, []),
        ({**NVCC, "ninja": "none\n", "C++ compiler": "none\n"}, (), {"flashinfer-python"}, ["C++ compiler", "ninja"]),
        ({**NVCC, "ninja": "none\n", "C++ compiler": "/usr/bin/g++\n"}, (), {"flashinfer-python", "ninja"}, []),
        ({**NVCC, "ninja": "/usr/bin/ninja\n"}, (), {"flashinfer-python"}, []),
        ({**NVCC, "ninja": "none\n", "C++ compiler": "none\n"}, (), {"flashinfer-python", "flashinfer-cubin"}, []),
        ({**NVCC, "ninja": "none\n", "C++ compiler": "none\n"}, (), {"vllm"}, []),
    ],
)
def test_what_is_compiled_at_the_start_has_what_it_is_compiled_with(
    printed: dict[str, str], pythons: tuple[PythonFound, ...], packages: set[str], named: list[str]
) -> None:
    blackwell = tuple(replace(gpu, compute_capability="10.0") for gpu in gpus(1, 1))
    made = cluster(1, {1: {"printed": printed, "pythons": pythons, "gpus": blackwell}})
    python = made.inventory.python.model_copy(update={"version": "3.12"})
    lock = replace(made.lock, packages=dict.fromkeys(packages, "1.0"))
    made = replace(made, inventory=made.inventory.model_copy(update={"python": python}), lock=lock)
    assert sorted(finding.fact for finding in of_system(made)) == named
    # An older GPU's kernels come with vLLM.
    hopper = tuple(replace(gpu, compute_capability="9.0") for gpu in gpus(1, 1))
    made = replace(made, nodes=tuple(replace(n, facts=replace(n.facts, gpus=hopper)) for n in made.nodes))
    assert "CUDA compiler" not in [finding.fact for finding in of_system(made)]
