"""GPUs that are not well, one trouble at a time: each is one finding, on its host, and a sound GPU is none."""

from dataclasses import replace
from typing import Any

import pytest
from gpu_samples import board, cluster, facts, geforce, h100, without_gpus
from hypothesis import given, settings
from hypothesis import strategies as st

from provision.checks.gpu.checks import of_gpus, unlinked
from provision.checks.gpu.health import RULES
from provision.checks.gpu.throttle import NAMES, slowed_by
from provision.core.finding import AREAS, Finding, Severity
from provision.facts import Facts, Gpu, GpuProcess, Xid
from provision.inventory.models import Expect, Serve

BLOCKS, WARNING = Severity.BLOCKS, Severity.WARNING
MODEL = Serve(model="m", tensor_parallel=2, pipeline_parallel=2)


def judged(worker: Facts, *, serve: Serve | None = MODEL, **more: Any) -> list[Finding]:
    return list(of_gpus(cluster(worker, serve=serve, **more)))


def with_gpu(**more: Any) -> Facts:
    """Two GPUs, of which GPU 1 has something."""
    return board(gpus=(h100(0), h100(1, **more)))


JETSON = Gpu(0, "Orin (nvgpu)", driver="540.4.0")
GB200 = h100(0, name="NVIDIA GB200", memory_mib=189471, memory_free_mib=188800, pcie_width=None, pcie_width_max=None)
BRIDGED = h100(0, name="NVIDIA H100 PCIe", fabric_state="N/A", fabric_status="N/A")
NOT_TOLD = {"error": "Unknown Error", "details": {"power.default_limit": "[Unknown Error]", "name": "x"}}
T4 = Gpu(0, "Tesla T4", driver="590.48.01", memory_mib=15360, memory_free_mib=14900, retired_pending=False, throttle=1)

SOUND = {
    "an HGX board": board(8),
    "an idle GeForce at PCIe generation 1": facts(geforce(0), geforce(1)),
    "a host without GPUs": without_gpus(),
    "a host without GPUs and without a word": facts(),
    "a Jetson that tells nothing": facts(JETSON, driver="540.4.0", driver_module="540.4.0", driver_library=None),
    "a GB200, whose fabric is managed elsewhere": facts(GB200, nvlinks=((0, 18, 0),)),
    "a T4 without any of the newer fields": facts(T4),
    "one GPU": board(1),
    "16 GPUs": board(16),
    "mixed GPUs": facts(h100(0), geforce(1)),
    "GPUs at work, at their power limit": facts(h100(0, throttle=0x4), h100(1, throttle=0x0)),
    "application clocks, sync boost and a display": facts(h100(0, throttle=0x112)),
    "a kernel log that may not be read": board(xids=None),
    "a fabric manager that is not needed": facts(geforce(0), fabric_manager="inactive"),
    "a GPU that is kept for one process": with_gpu(compute_mode="Exclusive_Process"),
    "GeForces with a connector for a bridge, and no bridge": facts(
        geforce(0), geforce(1), nvlinks=((0, 0, 4), (1, 0, 4))
    ),
    "two bridged GPUs beside two others": facts(nvlinks=((0, 4, 0), (1, 4, 0), (2, 0, 4), (3, 0, 4))),
    "an H100 PCIe, whose board has 12 of 18 links": facts(
        BRIDGED, replace(BRIDGED, index=1), nvlinks=((0, 12, 6), (1, 12, 6))
    ),
    "two GPUs with one bridge of three": facts(BRIDGED, replace(BRIDGED, index=1), nvlinks=((0, 4, 8), (1, 4, 8))),
    "two bridged GPUs beside a single one": facts(nvlinks=((0, 4, 0), (1, 4, 0), (2, 0, 4))),
    "a fabric manager of a cloud's image, without NVSwitches": facts(geforce(0), fabric_manager="failed"),
    "four SXM boards that are joined to each other": facts(
        *(h100(i, name="NVIDIA A100-SXM4-40GB", fabric_state="N/A", fabric_status="N/A") for i in range(4)),
        fabric_manager="failed",
    ),
    "boards with half of their PCIe lanes by design": facts(*(geforce(i, pcie_width=8) for i in range(2))),
    "a GPU at rest with fewer lanes": facts(geforce(0, pcie_width=8), geforce(1, pcie_gen=4, throttle=0)),
    "GPUs that somebody keeps cool": facts(*(geforce(i, power_limit=350.0) for i in range(2))),
    "a field that no GPU of the host can tell": facts(*(geforce(i, **NOT_TOLD) for i in range(2))),
    "a field that the only GPU cannot tell": facts(geforce(0, **NOT_TOLD)),
    "cells that only root may read": facts(h100(0, error="Insufficient Permissions")),
    "a driver whose library was not found": board(driver_library=None),
}


@pytest.mark.parametrize("name", SOUND)
@pytest.mark.parametrize("serve", [MODEL, None], ids=["serving", "no model"])
def test_a_sound_host_is_not_mentioned(name: str, serve: Serve | None) -> None:
    assert judged(SOUND[name], serve=serve, head=without_gpus()) == []


# What is wrong with gpu-02: facts, the fact that is named, how bad it is, part of what is said, part of the hint.
TROUBLE = {
    "a row that could not be remapped": (
        with_gpu(remapped_failure=True), "remapped rows", BLOCKS, "could not be remapped (GPU 1)", "replaced",
    ),
    "a row that waits for a reset": (
        with_gpu(remapped_pending=True), "remapped rows", WARNING, "waits to be remapped (GPU 1)", "--gpu-reset -i 1",
    ),
    "a page that waits for a reset": (
        with_gpu(retired_pending=True), "retired pages", WARNING, "waits to be retired (GPU 1)", "--gpu-reset -i 1",
    ),
    "memory errors": (
        with_gpu(ecc_uncorrected=3), "ECC errors", WARNING, "3 uncorrected errors (GPU 1)", "--gpu-reset -i 1",
    ),
    "memory errors of a row that waits for a reset": (
        with_gpu(ecc_uncorrected=1, remapped_pending=True), "remapped rows", WARNING, "(GPU 1)", "reset",
    ),
    "heat": (with_gpu(throttle=0x48), "throttling", WARNING, "hw slowdown, hw thermal slowdown (GPU 1)", "fans"),
    "heat that the driver tends to": (with_gpu(throttle=0x24), "throttling", WARNING, "sw thermal slowdown", "fans"),
    "a weak power supply": (with_gpu(throttle=0x81), "throttling", WARNING, "hw power brake (GPU 1)", "power"),
    "a slowdown under load": (with_gpu(throttle=0x8), "throttling", WARNING, "hw slowdown (GPU 1)", "power"),
    "a GPU that is not seated well": (with_gpu(pcie_width=8), "PCIe width", WARNING, "x8 of x16 (GPU 1)", "seat"),
    "a GPU that nobody may use": (
        with_gpu(compute_mode="Prohibited"), "compute mode", BLOCKS, "Prohibited", "-i 1 -c DEFAULT",
    ),
    "a GPU in slices": (with_gpu(mig=True), "MIG", BLOCKS, "Enabled (GPU 1)", "-i 1 -mig 0"),
    "a power limit that somebody set": (
        with_gpu(power_limit=500.0), "power limit", WARNING, "500 W of 700 W (GPU 1)", "-i 1 -pl 700",
    ),
    "a fabric that is not ready": (
        board(gpus=tuple(h100(i, fabric_state="In Progress", fabric_status="") for i in range(8))),
        "fabric state", BLOCKS, "In Progress (GPUs 0-7)", "nvidia-fabricmanager",
    ),
    "a fabric that failed": (
        with_gpu(fabric_status="Insufficient Resources"), "fabric state", BLOCKS, "Insufficient Resources", "fabric",
    ),
    "a fabric manager that ended": (
        board(fabric_manager="failed"), "fabric manager", WARNING, "`failed`", "systemctl status",
    ),
    "a fabric manager that ended, and GPUs that do not tell": (
        facts(*(h100(i, name="NVIDIA A100-SXM4-80GB", fabric_state="N/A") for i in range(8)), fabric_manager="failed"),
        "fabric manager", WARNING, "`failed`", "systemctl status",
    ),
    "a link that is down": (
        board(nvlinks=((0, 18, 0), (1, 17, 1))), "NVLink", WARNING, "1 of 18 links down (GPU 1)", "nvlink -s",
    ),
    "a link that is down at both ends": (
        board(nvlinks=((0, 17, 1), (1, 17, 1))), "NVLink", WARNING, "links down (GPU 0); 1 of 18", "nvlink -s",
    ),
    "a GPU that lost all its links": (
        board(4, nvlinks=((0, 18, 0), (1, 18, 0), (2, 18, 0), (3, 0, 18))),
        "NVLink", WARNING, "18 of 18 links down (GPU 3)", "nvlink -s",
    ),
    "an upgrade without a reboot": (
        board(driver_module="590.44.01"), "kernel module", BLOCKS, "590.44.01", "reboot gpu-02",
    ),
    "a kernel module beside another driver": (
        board(driver_module="590.44.01", driver_library=None), "kernel module", BLOCKS, "590.48.01", "reboot gpu-02",
    ),
    "a GPU that wants a reset": (
        with_gpu(error="GPU requires reset"), "nvidia-smi", BLOCKS, "GPU requires reset (GPU 1)", "--gpu-reset -i 1",
    ),
    "a GPU that cannot be read": (
        with_gpu(error="Unknown Error", details={"power.limit": "[Unknown Error]", "name": "x"}),
        "nvidia-smi", WARNING, "Unknown Error in power.limit (GPU 1)", "nvidia-smi -q -i 1",
    ),
    "a GPU of which hardly anything is told": (
        facts(geforce(0, error="Unknown Error", details=dict.fromkeys("abcd", "[Unknown Error]"))),
        "nvidia-smi", WARNING, "Unknown Error in a, b, c (GPU 0)", "nvidia-smi -q -i 0",
    ),
    "a GPU that the driver wants reset": (
        with_gpu(recovery="Reset"), "recovery action", BLOCKS, "Reset (GPU 1)", "--gpu-reset -i 1",
    ),
    "a GPU that the driver wants reset, and why": (
        replace(with_gpu(recovery="GPU Reset"), xids=(Xid(109, "PCI:0000:05:00"),)),
        "recovery action", BLOCKS, "GPU Reset (GPU 1)", "--gpu-reset -i 1",
    ),
    "a GPU that the driver wants left alone by others": (
        with_gpu(recovery="Drain P2P"), "recovery action", WARNING, "Drain P2P (GPU 1)", "reset",
    ),
    "a second library beside that of the driver": (
        board(driver_library="590.44.01"), "driver library", WARNING, "`590.44.01`", "ldconfig",
    ),
    "a GPU that came back": (
        board(xids=(Xid(79, "PCI:0000:05:00"),)), "Xid errors", WARNING, "GPU 1 (PCI:0000:05:00)", "dmesg",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TROUBLE)
def test_a_trouble_is_one_finding_on_its_host(name: str) -> None:
    worker, fact, severity, said, hint = TROUBLE[name]
    (finding,) = judged(worker)
    assert (finding.host, finding.fact, finding.severity) == ("gpu-02", fact, severity)
    assert said in finding.message
    assert hint in finding.hint
    assert finding.area in AREAS
    assert finding.found and finding.expected and finding.why
    assert "{" not in finding.message + finding.hint + finding.expected


def test_slices_are_nobodys_business_where_no_model_is_served() -> None:
    assert judged(with_gpu(mig=True), serve=None) == []


def test_slices_are_a_warning_for_a_model_that_fits_on_one() -> None:
    (finding,) = judged(with_gpu(mig=True), serve=Serve(model="m"))
    assert (finding.fact, finding.severity) == ("MIG", WARNING)


def test_the_only_gpu_with_a_lower_limit_is_named_on_whatever_host_the_others_are() -> None:
    (finding,) = judged(facts(h100(0, power_limit=500.0)), head=board(1))
    assert (finding.host, finding.fact) == ("gpu-02", "power limit")
    assert judged(facts(h100(0, power_limit=500.0)), head=board(1, gpus=(h100(0, power_limit=500.0),))) == []


def test_the_same_trouble_of_several_gpus_is_one_finding_that_names_them_all() -> None:
    worker = facts(h100(0, pcie_width=8), h100(1), h100(2, pcie_width=8), h100(3, pcie_width=4), h100(4, pcie_width=8))
    (finding,) = judged(worker)
    assert finding.message == "PCIe width: x8 of x16 (GPUs 0, 2, 4); x4 of x16 (GPU 3)"


def test_the_worst_of_two_troubles_of_one_fact_counts_and_both_are_told() -> None:
    (finding,) = judged(facts(h100(0, remapped_pending=True), h100(1, remapped_failure=True)))
    assert finding.severity is BLOCKS
    assert "GPU 0" in finding.message and "GPU 1" in finding.message
    assert finding.hint.startswith("have GPU 1 of gpu-02 replaced")


def test_the_memory_errors_of_another_gpu_are_not_explained_by_a_row_that_waits() -> None:
    found = judged(facts(h100(0, remapped_pending=True), h100(1, ecc_uncorrected=1)))
    assert [f.fact for f in found] == ["remapped rows", "ECC errors"]


def test_nothing_is_said_of_the_links_of_a_gpu_in_mig_instances() -> None:
    """bottlerocket#4418: with MIG, none is active."""
    gpus = tuple(h100(i, mig=i == 3) for i in range(8))
    links = tuple((i, 0, 18) if i == 3 else (i, 18, 0) for i in range(8))
    cells = [["X" if a == b else "SYS" if 3 in (a, b) else "NV18" for b in range(8)] for a in range(8)]
    found = judged(board(gpus=gpus, nvlinks=links, topology=tuple(map(tuple, cells))))
    assert {finding.fact for finding in found} == {"MIG"}


def test_what_systemd_says_of_the_fabric_manager_is_evidence_for_a_fabric_that_is_not_ready() -> None:
    worker = replace(with_gpu(fabric_state="Not Started", fabric_status=""), fabric_manager="failed")
    (finding,) = judged(worker)
    assert finding.fact == "fabric state"
    assert finding.evidence == ("systemd says that nvidia-fabricmanager is failed",)


def test_the_log_of_a_link_is_evidence_for_the_link() -> None:
    (finding,) = judged(board(nvlinks=((0, 18, 0), (1, 17, 1)), xids=(Xid(74, "PCI:0000:05:00", 12),)))
    assert finding.fact == "NVLink"
    assert finding.evidence == ("Xid 74 on GPU 1 (PCI:0000:05:00) 12 times: an error on NVLink",)


@pytest.mark.parametrize(
    ("gpu", "fact", "code"),
    [
        ({"ecc_uncorrected": 1}, "ECC errors", 48),
        ({"remapped_pending": True}, "remapped rows", 63),
        ({"error": "GPU requires reset"}, "nvidia-smi", 154),
    ],
)
def test_the_counters_of_a_gpu_come_before_the_log_of_the_same(gpu: dict[str, Any], fact: str, code: int) -> None:
    (finding,) = judged(replace(with_gpu(**gpu), xids=(Xid(code, "PCI:0000:05:00"),)))
    assert finding.fact == fact
    assert finding.evidence[0].startswith(f"Xid {code} on GPU 1")


@pytest.mark.parametrize(
    "worker",
    [
        without_gpus("mismatch", "version mismatch", driver_module="590.44.01", driver_library="590.48.01"),
        without_gpus("hung", "nvidia-smi does not answer", xids=(Xid(119, "PCI:0000:05:00"),)),
        board(1, gpu_fault="lost", gpu_error="GPU is lost", xids=(Xid(79, "0000:05:00"), Xid(154, "0000:05:00"))),
        board(1, xids=(Xid(79, "PCI:0000:05:00"),)),
    ],
    ids=["mismatch", "hung", "lost", "short"],
)  # fmt: skip
def test_what_a_failing_nvidia_smi_explains_is_not_said_again(worker: Facts) -> None:
    assert judged(worker, expect=Expect(gpus=2)) == []


def test_the_gpus_that_answer_beside_a_lost_one_are_still_judged() -> None:
    worker = facts(h100(0, compute_mode="Prohibited"), gpu_fault="lost", gpu_error="GPU is lost")
    assert [f.fact for f in judged(worker, expect=Expect(gpus=2))] == ["compute mode"]


def test_a_host_that_was_not_asked_is_not_judged() -> None:
    assert list(of_gpus(cluster(None, serve=MODEL))) == []


@pytest.mark.parametrize(
    ("bits", "names"),
    [
        (0x0, ()),
        (0x1, ()),
        (0x9, ()),
        (0x8, ("hw slowdown",)),
        (0x49, ("hw slowdown", "hw thermal slowdown")),
        (0x20, ("sw thermal slowdown",)),
        (0x80, ("hw power brake",)),
        (0x1FF & ~0xE8, ()),
        (0x200, ()),
    ],
)
def test_only_heat_and_power_are_a_reason_to_worry_about_clocks(bits: int, names: tuple[str, ...]) -> None:
    assert slowed_by(bits) == names


def test_the_bits_are_those_of_nvml() -> None:
    assert list(NAMES) == [1 << n for n in range(9)]


def test_every_rule_says_why_and_what_to_do() -> None:
    for rule in RULES:
        assert rule.why and rule.hint and rule.expected, rule.fact
        assert "{host}" in rule.hint, rule.fact


NUMBER = st.integers(-1, 10**6) | st.none()
AMOUNT = st.floats(allow_nan=False) | st.none()
YES_OR_NO = st.booleans() | st.none()
GPUS = st.builds(
    Gpu, index=st.integers(0, 9999), name=st.text(), throttle=st.integers(0, 2**64 - 1), error=st.text(),
    mig=YES_OR_NO, ecc_uncorrected=NUMBER, remapped_failure=YES_OR_NO, remapped_pending=YES_OR_NO,
    power_limit=AMOUNT, power_default=AMOUNT, pcie_width=NUMBER, pcie_width_max=NUMBER, fabric_state=st.text(),
    memory_mib=st.integers(0, 10**6), memory_free_mib=st.integers(0, 10**6), uuid=st.text(), bus_id=st.text(),
)  # fmt: skip


@given(
    st.lists(GPUS, max_size=4),
    st.lists(st.builds(Xid, st.integers(0, 999), st.text(), st.integers(1, 999)), max_size=4),
    st.lists(st.builds(GpuProcess, st.integers(0), st.text(), mark=st.text(), user=st.text()), max_size=4),
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 18), st.integers(0, 18)), max_size=4),
)
@settings(max_examples=60, deadline=None)
def test_whatever_a_host_tells_of_its_gpus_is_judged_and_each_fact_once(
    gpus: list[Gpu], xids: list[Xid], processes: list[GpuProcess], links: list[tuple[int, int, int]]
) -> None:
    told = {"xids": tuple(xids), "gpu_processes": tuple(processes), "nvlinks": tuple(links)}
    found = judged(facts(*gpus, **told), head=without_gpus())
    assert len({finding.fact for finding in found}) == len(found)
    assert all(finding.host == "gpu-02" and finding.message for finding in found)


def _matrix(text: str) -> list[list[str]]:
    return [row.split() for row in text.strip().splitlines()]


@pytest.mark.parametrize(
    ("matrix", "alone"),
    [
        ("X NV18 NODE NV18\nNV18 X NODE NV18\nNODE NODE X SYS\nNV18 NV18 SYS X", [2]),
        ("X NV4 SYS SYS\nNV4 X SYS SYS\nSYS SYS X NV4\nSYS SYS NV4 X", []),  # bridged in pairs
        ("X NV4 SYS\nNV4 X SYS\nSYS SYS X", []),  # a pair, and a single one
        ("X SYS SYS\nSYS X SYS\nSYS SYS X", []),  # no NVLink at all
        ("X NV18 NV18\nNV18 X NV18\nNV18 NV18 X", []),
        ("X", []),
    ],
)
def test_a_gpu_that_nvlink_joins_to_no_other_is_named_on_a_lone_host(matrix: str, alone: list[int]) -> None:
    assert unlinked(_matrix(matrix)) == alone
