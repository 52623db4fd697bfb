"""What the inventory expects of drivers and GPUs, and what is said where a host has something else."""

import pytest
from gpu_samples import board, cluster, facts, geforce, h100, without_gpus

from provision.checks.expectations import against_inventory, driver_fits
from provision.checks.gpu.answering import lacks_gpus
from provision.core.finding import Finding, Severity
from provision.facts import Facts, Xid
from provision.inventory.models import Expect, Serve


@pytest.mark.parametrize(
    ("driver", "wanted", "fits"),
    [
        ("590.48.01", ">=580", True),
        ("580.65.06", ">=580", True),
        ("579.99", ">=580", False),
        ("590.48.01", ">=570,<590", False),
        ("589.99.99", ">=570,<590", True),
        ("580.65.06", "580", True),
        ("5800.1", "580", False),
        ("580.65.06", "580.65.06", True),
        ("580.65.06", "580.65", True),
        ("580.65.06", "==580.*", True),
        ("590.48.01", "!=590.48.01", False),
        ("garbage", ">=580", False),
        ("590.48.01", "newest", False),
        ("", ">=580", False),
    ],
)
def test_a_driver_fits_a_range_or_a_branch(driver: str, wanted: str, fits: bool) -> None:
    assert driver_fits(driver, wanted) is fits


def judged(worker: Facts, expect: Expect | None = None, serve: Serve | None = None) -> list[Finding]:
    return list(against_inventory(cluster(worker, expect=expect, serve=serve)))


@pytest.mark.parametrize(
    ("worker", "expect"),
    [
        (board(), Expect(driver=">=580", gpus=2, gpu="h100")),
        (board(), Expect()),
        (facts(geforce(0)), Expect(gpu="4090", gpus=1)),
        (without_gpus(), Expect()),
        (without_gpus(), Expect(gpus=0)),
        (without_gpus(), Expect(gpus=0, driver=">=580")),
        (without_gpus("no-devices", "No devices were found"), Expect(gpus=0)),
        (facts(), Expect(gpus=0)),
    ],
    ids=["as expected", "not judged", "geforce", "no gpu", "none wanted", "none, of a group", "none found", "zero"],
)
def test_a_host_that_is_as_expected_is_not_mentioned(worker: Facts, expect: Expect) -> None:
    assert judged(worker, expect) == []


def test_a_driver_out_of_range_blocks_with_both_sides_and_what_to_do() -> None:
    (finding,) = judged(board(driver="535.161.08"), Expect(driver=">=580", gpus=2, gpu="H100"))
    assert (finding.host, finding.area, finding.fact) == ("gpu-02", "drivers", "driver")
    assert finding.severity is Severity.BLOCKS
    assert finding.message == "driver is `535.161.08`, the inventory expects `>=580`"
    assert finding.hint == "install a driver on gpu-02 that is `>=580`, reboot it, then run `provision check`"


def test_a_gpu_that_is_not_there_is_named_once() -> None:
    (finding,) = judged(board(1), Expect(driver=">=580", gpus=2, gpu="H100"))
    assert (finding.fact, finding.severity) == ("GPUs", Severity.BLOCKS)
    assert (finding.found, finding.expected) == ("1", "2")
    assert finding.message == "1 GPU answers, the inventory expects 2"
    assert "fallen off the bus" in finding.hint


def test_the_kernels_log_is_evidence_for_a_gpu_that_is_not_there() -> None:
    (finding,) = judged(board(1, xids=(Xid(79, "PCI:0000:05:00"), Xid(13, "PCI:0000:04:00"))), Expect(gpus=2))
    assert finding.evidence == ("Xid 79 on PCI:0000:05:00: the GPU has fallen off the bus",)


def test_a_gpu_too_many_is_a_mistake_in_the_inventory() -> None:
    (finding,) = judged(board(9), Expect(gpus=8))
    assert finding.message == "9 GPUs answer, the inventory expects 8"
    assert finding.hint.startswith("set `expect.gpus` of gpu-02 to 9")


def test_no_gpu_at_all_is_no_wrong_driver_and_no_wrong_model() -> None:
    (finding,) = judged(facts(), Expect(driver=">=580", gpus=2, gpu="H100"))
    assert finding.fact == "GPUs"


def test_each_mismatch_is_a_finding_of_its_own() -> None:
    found = judged(board(), Expect(driver=">=600", gpus=8, gpu="B200"))
    assert [(f.fact, f.found, f.expected) for f in found] == [
        ("GPUs", "2", "8"),
        ("driver", "590.48.01", ">=600"),
        ("GPU model", "NVIDIA H100 80GB HBM3", "B200"),
    ]


def test_one_other_gpu_among_the_expected_ones_is_named() -> None:
    (finding,) = judged(facts(h100(0), h100(1, name="NVIDIA L4")), Expect(gpu="H100"))
    assert finding.fact == "GPU model"
    assert finding.found == "NVIDIA H100 80GB HBM3, NVIDIA L4"
    assert finding.evidence == ("GPU 1: NVIDIA L4",)


FAULTS = {
    "missing": "nvidia-smi is not installed",
    "hung": "nvidia-smi does not answer",
    "mismatch": "Failed to initialize NVML: Driver/library version mismatch",
    "lost": "Unable to determine the device handle for GPU0000:05:00.0: GPU is lost. Reboot the system to recover",
    "no-devices": "No devices were found",
    "no-driver": "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver",
    "no-library": "NVIDIA-SMI couldn't find libnvidia-ml.so library in your system",
    "no-permission": "Failed to initialize NVML: Insufficient Permissions",
    "failed": "[Unknown Error]",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_nvidia_smi_that_fails_is_one_finding_in_its_own_words(fault: str) -> None:
    worker = without_gpus(fault, FAULTS[fault])
    (finding,) = judged(worker, Expect(driver=">=580", gpus=2, gpu="H100"))
    assert (finding.host, finding.area, finding.fact) == ("gpu-02", "drivers", "nvidia-smi")
    assert finding.severity is Severity.BLOCKS
    assert FAULTS[fault] in finding.message
    assert finding.why and "gpu-02" in finding.hint
    assert "{" not in finding.why + finding.hint


@pytest.mark.parametrize("fault", sorted(set(FAULTS) - {"missing"}))
def test_where_nothing_is_expected_a_fault_is_a_warning(fault: str) -> None:
    (finding,) = judged(without_gpus(fault, FAULTS[fault]))
    assert (finding.fact, finding.severity) == ("nvidia-smi", Severity.WARNING)


def test_a_fault_blocks_where_the_model_needs_the_gpus_behind_it() -> None:
    worker = without_gpus("hung", FAULTS["hung"])
    (finding,) = judged(worker, serve=Serve(model="m", tensor_parallel=2, pipeline_parallel=2))
    assert finding.severity is Severity.BLOCKS
    (finding,) = judged(worker, serve=Serve(model="m", tensor_parallel=2))
    assert finding.severity is Severity.WARNING


def test_an_upgrade_without_a_reboot_is_told_with_both_versions() -> None:
    worker = without_gpus(
        "mismatch", FAULTS["mismatch"], driver_module="590.44.01", driver_library="590.48.01", driver=None
    )
    (finding,) = judged(worker, Expect(gpus=2))
    assert finding.evidence == ("the loaded kernel module is 590.44.01, its library on disk 590.48.01",)
    assert finding.hint.startswith("reboot gpu-02")
    assert "unattended" in finding.why


def test_one_lost_gpu_among_seven_that_answer_is_one_finding() -> None:
    worker = board(7, gpu_fault="lost", gpu_error=FAULTS["lost"], xids=(Xid(79, "PCI:0000:0b:00"),))
    (finding,) = judged(worker, Expect(driver=">=580", gpus=8, gpu="H100"))
    assert (finding.fact, finding.severity) == ("nvidia-smi", Severity.BLOCKS)
    assert finding.message.startswith("7 GPUs answer, then nvidia-smi fails: `Unable to determine")
    assert finding.evidence == ("Xid 79 on PCI:0000:0b:00: the GPU has fallen off the bus",)


def test_a_lost_gpu_that_is_still_listed_does_not_count() -> None:
    listed = (h100(0), h100(1, error="GPU is lost"))
    (finding,) = judged(board(gpus=listed, gpu_fault="lost", gpu_error="GPU 1: GPU is lost"), Expect(gpus=2))
    assert (finding.fact, finding.severity) == ("nvidia-smi", Severity.BLOCKS)
    assert finding.message == "1 GPU answers, then nvidia-smi fails: `GPU 1: GPU is lost`"


def test_a_complaint_beside_all_the_gpus_that_are_expected_does_not_block() -> None:
    worker = board(2, gpu_fault="failed", gpu_error="WARNING: infoROM is corrupted at gpu 0000:04:00.0")
    (finding,) = judged(worker, Expect(gpus=2, driver=">=580"))
    assert (finding.fact, finding.severity) == ("nvidia-smi", Severity.WARNING)
    found = judged(worker, Expect(gpus=2, driver=">=600"))
    assert {f.fact: f.severity for f in found} == {"nvidia-smi": Severity.WARNING, "driver": Severity.BLOCKS}


def test_long_words_of_nvidia_smi_are_cut_in_the_table_and_whole_in_the_sentence() -> None:
    said = "x" * 1000
    (finding,) = judged(without_gpus("failed", said), Expect(gpus=1))
    assert len(finding.found) < 200
    assert said in finding.message


def test_a_host_that_was_not_asked_is_not_judged() -> None:
    assert list(against_inventory(cluster(None, expect=Expect(gpus=8)))) == []


@pytest.mark.parametrize(
    ("worker", "expect", "lacks"),
    [
        (board(), Expect(gpus=2), False),
        (board(1), Expect(gpus=2), True),
        (without_gpus("hung", "nvidia-smi does not answer"), Expect(), True),
        (without_gpus(), Expect(), False),
        (without_gpus(), Expect(gpus=1), True),
    ],
)
def test_a_host_lacks_gpus_where_that_is_reported_of_it(worker: Facts, expect: Expect, lacks: bool) -> None:
    assert lacks_gpus(cluster(worker, expect=expect).nodes[1]) is lacks
