import pytest
from cluster_samples import facts

from provision.inventory.models import Expect
from provision.resources.nvidia import Nvidia, driver_fits
from provision.script import Fragment


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


def found(expect: Expect, **seen: object) -> list[str]:
    gpus = seen.pop("gpus", 2)
    resource = Nvidia("gpu-01", expect, facts("10.0.0.1", gpus=gpus, **seen))  # type: ignore[arg-type]
    have = resource.read(Fragment(0, "", ""))
    return [str(difference) for difference in resource.diff(have, resource.want())]


def test_a_host_that_is_as_expected_has_no_difference() -> None:
    assert found(Expect(driver=">=580", gpus=2, gpu="h100")) == []


def test_what_is_not_expected_is_not_judged() -> None:
    assert found(Expect(), gpus=0, driver=None, gpu_error="nvidia-smi was not found") == []
    assert found(Expect(gpus=0), gpus=0, driver=None, gpu_error="nvidia-smi was not found") == []


def test_each_mismatch_is_named_with_both_sides() -> None:
    assert found(Expect(driver=">=600", gpus=8, gpu="B200")) == [
        "driver 590.48.01 → >=600",
        "gpus 2 → 8",
        "gpu NVIDIA H100 80GB HBM3 → B200",
    ]


def test_a_broken_nvidia_smi_is_one_difference_in_its_own_words() -> None:
    said = "Failed to initialize NVML: Driver/library version mismatch"
    assert found(Expect(driver=">=580", gpus=2), gpus=0, gpu_error=said) == [f"nvidia-smi {said} → an answer"]


def test_one_other_gpu_among_the_expected_ones_is_a_difference() -> None:
    resource = Nvidia("gpu-01", Expect(gpu="H100"), facts("10.0.0.1"))
    mixed = facts("10.0.0.1", gpus=1).gpus + tuple(type(g)(1, "NVIDIA L4") for g in facts("10.0.0.1", gpus=1).gpus)
    other = Nvidia("gpu-01", Expect(gpu="H100"), facts("10.0.0.1", gpus=0).__class__(gpus=mixed))
    assert not resource.diff(resource.read(Fragment(0, "", "")), resource.want())
    (difference,) = other.diff(other.read(Fragment(0, "", "")), other.want())
    assert difference.found == "NVIDIA H100 80GB HBM3, NVIDIA L4"
