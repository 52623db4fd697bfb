"""Every row of the table of what runs with what, held against what `check` says of it, and against the document."""

import os
from collections.abc import Sequence

import pytest
from compat_document import DOCUMENT, written
from compat_samples import blocked, host, judged
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from provision.checks.compatibility_table import (
    ARCHITECTURES,
    CUDA,
    RAY,
    TORCH,
    VLLM,
    Cuda,
    GpuArchitecture,
    RayRelease,
    Release,
    Torch,
    Vllm,
    cuda_of,
    release,
)
from provision.core.finding import Severity

PYTHONS = [f"3.{minor}" for minor in range(7, 17)]
CAPABILITIES = ["3.0", "3.5", *(c for row in ARCHITECTURES for c in row.capabilities)]
#: A GPU and a driver that every row takes.
ABLE, NEWEST = "8.0", "999.0"


def each(rows: Sequence[Release]) -> pytest.MarkDecorator:
    """A test per release that a row lists."""
    named = [(row, version) for row in rows for version in row.versions]
    return pytest.mark.parametrize(("row", "version"), named, ids=[version for _, version in named])


def build(cuda: str) -> str:
    """`12.8` → `cu128`."""
    return f"cu{cuda.replace('.', '')}"


def just_before(cuda: str) -> str:
    major, minor = (int(part) for part in cuda.split("."))
    return f"{major}.{minor - 1}" if minor else f"{major - 1}.9"


def refused_pythons(*packages: str) -> list[str]:
    return [python for python in PYTHONS if "python version" in blocked(*packages, version=python)]


def without_wheels(*rows: Release | None) -> list[str]:
    return [p for p in PYTHONS if not all(SpecifierSet(row.python).contains(p) for row in rows if row)]


@pytest.mark.parametrize("row", CUDA, ids=lambda row: f"CUDA-{row.major}")
def test_a_cuda_runs_from_its_oldest_driver_on(row: Cuda) -> None:
    torch = f"torch==2.14.0+cu{row.major}0"
    assert blocked(torch, hosts={"gpu-01": host(f"{row.driver}.0", ABLE)}) == []
    assert blocked(torch, hosts={"gpu-01": host(f"{row.driver - 1}.99", ABLE)}) == ["driver"]


@pytest.mark.parametrize("row", CUDA, ids=lambda row: f"CUDA-{row.major}")
def test_a_cuda_has_no_code_for_smaller_gpus(row: Cuda) -> None:
    torch = f"torch==2.14.0+cu{row.major}0"
    below = CAPABILITIES[CAPABILITIES.index(row.capability) - 1]
    assert blocked(torch, hosts={"gpu-01": host(NEWEST, row.capability)}) == []
    assert blocked(torch, hosts={"gpu-01": host(NEWEST, below)}) == ["compute capability"]


@pytest.mark.parametrize(
    ("row", "capability"),
    [(row, capability) for row in ARCHITECTURES for capability in row.capabilities],
    ids=CAPABILITIES[2:],
)
def test_an_architecture_needs_its_first_cuda(row: GpuArchitecture, capability: str) -> None:
    machine = {"gpu-01": host(NEWEST, capability)}
    assert blocked(f"torch==2.14.0+{build(row.cuda)}", hosts=machine) == []
    assert blocked(f"torch==2.14.0+{build(just_before(row.cuda))}", hosts=machine) == ["compute capability"]


@each(TORCH)
def test_a_torch_runs_with_the_drivers_of_its_cuda(row: Torch, version: str) -> None:
    cuda = cuda_of(row.cuda)
    assert cuda is not None
    python = next(p for p in PYTHONS if SpecifierSet(row.python).contains(p))
    for driver, expected in ((cuda.driver, []), (cuda.driver - 1, ["driver"])):
        found = blocked(f"torch=={version}", version=python, hosts={"gpu-01": host(f"{driver}.1", ABLE)})
        assert found == expected


@each(TORCH)
def test_a_torch_has_wheels_for_its_pythons(row: Torch, version: str) -> None:
    assert refused_pythons(f"torch=={version}") == without_wheels(row)


@each(VLLM)
def test_a_vllm_runs_with_the_drivers_of_its_cuda(row: Vllm, version: str) -> None:
    cuda = cuda_of(row.cuda)
    assert cuda is not None
    for driver, expected in ((cuda.driver, []), (cuda.driver - 1, ["driver"])):
        assert blocked(f"vllm=={version}", hosts={"gpu-01": host(f"{driver}.1", ABLE)}) == expected


@each(VLLM)
def test_a_vllm_refuses_smaller_gpus(row: Vllm, version: str) -> None:
    below = CAPABILITIES[CAPABILITIES.index(row.capability) - 1]
    assert blocked(f"vllm=={version}", hosts={"gpu-01": host(NEWEST, row.capability)}) == []
    assert blocked(f"vllm=={version}", hosts={"gpu-01": host(NEWEST, below)}) == ["compute capability"]


@each(VLLM)
def test_a_vllm_runs_on_blackwell_only_if_it_and_its_torch_are_built_with_cuda_12_8(row: Vllm, version: str) -> None:
    torch = release(TORCH, row.torch)
    assert torch is not None
    built = min(Version(row.cuda), Version(torch.cuda))
    expected = [] if built >= Version("12.8") else ["compute capability"]
    assert blocked(f"vllm=={version}", hosts={"gpu-01": host(NEWEST, "10.0")}) == expected


@each(VLLM)
def test_a_vllm_has_wheels_for_its_pythons_and_so_has_its_torch(row: Vllm, version: str) -> None:
    assert refused_pythons(f"vllm=={version}") == without_wheels(row, release(TORCH, row.torch))


@each(VLLM)
def test_a_vllm_takes_the_torch_that_it_is_built_for_and_no_other(row: Vllm, version: str) -> None:
    same_cuda = [t for t in TORCH if t.cuda.split(".")[0] == row.cuda.split(".")[0]]
    other = next(v for t in same_cuda for v in t.versions if v != row.torch)
    assert blocked(f"vllm=={version}", f"torch=={row.torch}") == []
    assert blocked(f"vllm=={version}", f"torch=={other}") == ["torch"]


@each(VLLM)
def test_a_vllm_takes_the_ray_that_it_is_tested_with_in_silence(row: Vllm, version: str) -> None:
    for ray in (v for r in RAY for v in r.versions):
        found = [f for f in judged(f"vllm=={version}", f"ray[default]=={ray}") if f.fact == "Ray"]
        refused = bool(row.ray_needs) and ray not in SpecifierSet(row.ray_needs)
        another = bool(row.ray) and Version(ray).release[:2] != Version(row.ray).release[:2]
        expected = [Severity.BLOCKS] if refused else [Severity.WARNING] if another else []
        assert [finding.severity for finding in found] == expected, ray


@each(RAY)
def test_a_ray_has_wheels_for_its_pythons(row: RayRelease, version: str) -> None:
    assert refused_pythons(f"ray[default]=={version}") == without_wheels(row)


@pytest.mark.parametrize("rows", [TORCH, VLLM, RAY], ids=["torch", "vllm", "ray"])
def test_a_table_lists_each_release_once_in_order(rows: Sequence[Release]) -> None:
    listed = [Version(version) for row in rows for version in row.versions]
    assert listed == sorted(set(listed))


@pytest.mark.parametrize("row", VLLM, ids=lambda row: row.versions[0])
def test_what_a_vllm_is_used_with_is_in_the_table_itself(row: Vllm) -> None:
    assert release(TORCH, row.torch)
    assert not row.ray or release(RAY, row.ray)


@pytest.mark.parametrize("row", [*CUDA, *ARCHITECTURES, *TORCH, *VLLM, *RAY], ids=lambda row: type(row).__name__)
def test_a_row_says_where_it_was_read(row: Cuda | GpuArchitecture | Release) -> None:
    assert len(row.source) > 10


def test_the_document_shows_the_table_as_it_is() -> None:
    text = DOCUMENT.read_text()
    if os.environ.get("WRITE_DOCS"):
        DOCUMENT.write_text(written(text))
    else:
        assert text == written(text), "run this test with WRITE_DOCS=1 in the environment to write the tables anew"
