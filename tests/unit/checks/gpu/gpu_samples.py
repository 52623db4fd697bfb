"""Made-up GPUs as nvidia-smi tells of them, and a cluster of two hosts that have them. All are sound."""

from pathlib import Path
from typing import Any

from provision.cluster.cluster import Cluster, Node
from provision.environment.lockfile import Lock
from provision.facts import Facts, Gpu, GpuProcess, Program
from provision.inventory.models import Expect, Host, Inventory, Serve

LOCK = Lock(Path("a.lock"), "", "3.12", "x86_64-manylinux_2_34", {}, {}, "3f9c" * 16)


def h100(index: int, **more: Any) -> Gpu:
    """An SXM board in an HGX machine, idle."""
    values: dict[str, Any] = {
        "name": "NVIDIA H100 80GB HBM3",
        "uuid": f"GPU-{index:08x}-0000-0000-0000-000000000000",
        "bus_id": f"00000000:{index + 4:02X}:00.0",
        "driver": "590.48.01",
        "memory_mib": 81559,
        "memory_free_mib": 81073,
        "compute_capability": "9.0",
        "persistence": True,
        "mig": False,
        "vbios": "96.00.74.00.01",
        "compute_mode": "Default",
        "ecc": True,
        "ecc_uncorrected": 0,
        "remapped_pending": False,
        "remapped_failure": False,
        "throttle": 0x1,
        "power_limit": 700.0,
        "power_default": 700.0,
        "sm_clock_max": 1980,
        "pcie_gen": 5,
        "pcie_gen_max": 5,
        "pcie_width": 16,
        "pcie_width_max": 16,
        "fabric_state": "Completed",
        "fabric_status": "Success",
    }
    return Gpu(index, **{**values, **more})


def geforce(index: int, **more: Any) -> Gpu:
    """A 4090 without a load: at PCIe generation 1, and with none of the modes of a datacenter GPU."""
    values: dict[str, Any] = {
        "name": "NVIDIA GeForce RTX 4090",
        "uuid": f"GPU-{index:08x}-4090-0000-0000-000000000000",
        "bus_id": f"00000000:{index + 1:02X}:00.0",
        "driver": "590.48.01",
        "memory_mib": 24564,
        "memory_free_mib": 24100,
        "compute_capability": "8.9",
        "persistence": False,
        "compute_mode": "Default",
        "throttle": 0x9,
        "power_limit": 450.0,
        "power_default": 450.0,
        "sm_clock_max": 3105,
        "pcie_gen": 1,
        "pcie_gen_max": 4,
        "pcie_width": 16,
        "pcie_width_max": 16,
    }
    return Gpu(index, **{**values, **more})


def facts(*gpus: Gpu, **more: Any) -> Facts:
    values: dict[str, Any] = {
        "hostname": "gpu",
        "uid": 1000,
        "user": "ubuntu",
        "login_user": "ubuntu",
        "kernel": "6.8.0-60-generic",
        "driver": "590.48.01" if gpus else None,
        "driver_module": "590.48.01" if gpus else None,
        "driver_library": "590.48.01" if gpus else None,
        "cuda": "13.1" if gpus else "",
        "gpus": gpus,
    }
    return Facts(**{**values, **more})


def board(count: int = 2, **more: Any) -> Facts:
    """An HGX machine: all links up, its fabric manager at work, a kernel log without errors."""
    values = {"nvlinks": tuple((index, 18, 0) for index in range(count)), "fabric_manager": "active", "xids": ()}
    return facts(*(h100(index) for index in range(count)), **{**values, **more})


def without_gpus(fault: str = "missing", error: str = "nvidia-smi is not installed", **more: Any) -> Facts:
    return facts(gpu_fault=fault, gpu_error=error, **more)


def rank(gpu: Gpu, host: str = "gpu-02", **more: Any) -> GpuProcess:
    """One of ours: part of the Ray service that provision started on `host`."""
    values = {"user": "ubuntu", "command": "ray::RayWorkerWrapper", "mark": f"llama/{host}/ray"}
    return GpuProcess(1000 + gpu.index, gpu.uuid, 75000, **{**values, **more})


def raylet(host: str = "gpu-02") -> Program:
    return Program("raylet", 900, "ubuntu", "raylet", mark=f"llama/{host}/ray")


def cluster(
    worker: Facts | None,
    *,
    head: Facts | None = None,
    expect: Expect | None = None,
    serve: Serve | None = None,
) -> Cluster:
    """`worker` are the facts of gpu-02, which has `expect`; gpu-01 is sound unless `head` says otherwise."""
    hosts = (
        Host(name="gpu-01", address="10.0.0.1", role="head"),
        Host(name="gpu-02", address="10.0.0.2", expect=expect or Expect()),
    )
    inventory = Inventory(path=Path("inventory.yaml"), cluster="llama", hosts=hosts, serve=serve)
    return Cluster(inventory, (Node(hosts[0], head or board()), Node(hosts[1], worker)), LOCK, {})
