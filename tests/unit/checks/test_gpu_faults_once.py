"""One fault of driver or GPUs among three hosts, through all judges: said once, on its host, at its severity."""

from typing import Any

import pytest
from judge_samples import cluster, gpu, gpus, links, ours, stranger, told

from provision.checks.judge import findings
from provision.facts import GpuProcess, Xid
from provision.inventory.models import Expect, Serve

EXPECT = Expect(driver=">=580", gpus=8, gpu="H100")
NONE_SEEN = {"gpus": (), "driver": None, "cuda": "", "topology": (), "nvlinks": ()}
SEVEN = {"gpus": gpus(2, 7), "topology": links(7), "nvlinks": tuple((index, 18, 0) for index in range(7))}
LOST = (Xid(79, "PCI:0000:0b:00"), Xid(154, "PCI:0000:0b:00"))
GSP = (Xid(119, "PCI:0000:0b:00"),)
NO_DRIVER = {"driver_module": None, "driver_library": None, "fabric_manager": ""}


def one(**more: Any) -> dict[str, Any]:
    """GPU 1 of the second host has something."""
    return {"gpus": tuple(gpu(index, 2, **(more if index == 1 else {})) for index in range(8))}


def held_by(command: str) -> dict[str, Any]:
    process = GpuProcess(4711, gpu(1, 2).uuid, 71234, user="bob", command=command)
    return {**one(memory_free_mib=6000), "gpu_processes": (process,)}


OLD = "535.161.08"
FAULTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "another driver": (
        {"driver": OLD, "driver_module": OLD, "driver_library": OLD, "cuda": "12.2", "gpus": gpus(2, driver=OLD)},
        "driver", "blocks",
    ),
    "a missing GPU": ({**SEVEN, "xids": LOST}, "GPUs", "blocks"),
    "another GPU": (one(name="NVIDIA L4"), "GPU model", "blocks"),
    "no nvidia-smi": (
        {**NONE_SEEN, **NO_DRIVER, "gpu_fault": "missing", "gpu_error": "nvidia-smi is not installed"},
        "nvidia-smi", "blocks",
    ),
    "an nvidia-smi that hangs": (
        {**NONE_SEEN, "gpu_fault": "hung", "gpu_error": "nvidia-smi does not answer", "xids": GSP},
        "nvidia-smi", "blocks",
    ),
    "an upgrade without a reboot": (
        {
            **NONE_SEEN, "gpu_fault": "mismatch", "gpu_error": "Driver/library version mismatch",
            "driver_library": "590.52.01", "printed": {"reboot": "required"},
        },
        "nvidia-smi", "blocks",
    ),
    "a second library that nvidia-smi does not use": (
        {"driver_library": "590.52.01", "printed": {"reboot": "required"}}, "driver library", "warning",
    ),
    "a lost GPU": ({**SEVEN, "gpu_fault": "lost", "gpu_error": "GPU is lost", "xids": LOST}, "nvidia-smi", "blocks"),
    "a GPU that wants a reset": (one(error="GPU requires reset"), "nvidia-smi", "blocks"),
    "a row that could not be remapped": (
        {**one(remapped_failure=True, ecc_uncorrected=2), "xids": (Xid(64, "PCI:0000:05:00"),)},
        "remapped rows", "blocks",
    ),
    "memory errors": (
        {**one(ecc_uncorrected=2), "xids": (Xid(48, "PCI:0000:05:00"), Xid(94, "PCI:0000:05:00"))},
        "ECC errors", "warning",
    ),
    "heat": (one(throttle=0x48), "throttling", "warning"),
    "a lower power limit": ({"gpus": gpus(2, power_limit=500.0)}, "power limit", "warning"),
    "a GPU on eight lanes": (one(pcie_width=8), "PCIe width", "warning"),
    "a GPU in slices": (one(mig=True), "MIG", "blocks"),
    "a GPU that nobody may use": (one(compute_mode="Prohibited"), "compute mode", "blocks"),
    "a link that is down": (
        {"nvlinks": tuple((index, 18 - (index == 1), int(index == 1)) for index in range(8))}, "NVLink", "warning",
    ),
    "a fabric that is not ready": (
        {
            "gpus": gpus(2, fabric_state="In Progress", fabric_status=""), "fabric_manager": "failed",
            "nvlinks": tuple((index, 0, 18) for index in range(8)), "topology": links(kind="SYS"),
        },
        "fabric state", "blocks",
    ),
    "a fabric manager that ended": ({"fabric_manager": "failed"}, "fabric manager", "warning"),
    "a GPU that came back": ({"xids": (Xid(79, "PCI:0000:05:00"),)}, "Xid errors", "warning"),
    "a process of somebody else": (held_by("python train.py"), "GPU processes", "blocks"),
    "the vLLM of somebody else": (
        {**held_by("VLLM::EngineCore"), "programs": (ours(2, "raylet"), stranger("vllm"))}, "GPU processes", "blocks",
    ),
    "memory that nobody holds": ({**one(memory_free_mib=6000), "programs": ()}, "GPU memory free", "blocks"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_one_fault_of_a_gpu_is_one_finding_on_its_host(name: str) -> None:
    spoiled, fact, severity = FAULTS[name]
    serve = Serve(model="/models/llama", tensor_parallel=8, pipeline_parallel=3)
    found = findings(cluster(3, {2: spoiled}, serve=serve, hosts={index: {"expect": EXPECT} for index in (1, 2, 3)}))
    assert told(found) == [("gpu-02", fact, severity)]
