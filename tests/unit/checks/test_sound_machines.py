"""Machines as people have them, through all judges: what is by design, or somebody's choice, is no finding. All of them
are made up, to the shapes that such machines are documented to have."""

from dataclasses import replace
from typing import Any

import pytest
from gpu_samples import geforce
from judge_samples import GIB, MODEL, cluster, gpus, links, told

from provision.checks.judge import findings
from provision.core.finding import Finding
from provision.facts import Fabric, Gpu, GpuProcess, Interface
from provision.inventory.models import Expect, Serve

RAILS = tuple(Fabric(f"mlx5_{i}", 1, "ACTIVE", "InfiniBand", 400.0) for i in range(8))
NO_GPUS: dict[str, Any] = {
    "gpus": (), "gpu_fault": "missing", "gpu_error": "nvidia-smi is not installed", "driver": None, "cuda": "",
    "driver_module": None, "driver_library": None, "topology": (), "nvlinks": (), "fabric_manager": "", "xids": None,
}  # fmt: skip
#: A small machine that is the head and computes nothing.
HEAD: dict[str, Any] = {
    **NO_GPUS, "cpus": 16, "memory_bytes": 64 * GIB, "shm_bytes": 32 * GIB, "kernel": "6.8.0-86-virtual",
}  # fmt: skip
NO_LINKS: dict[str, Any] = {"topology": (), "nvlinks": (), "fabric_manager": ""}
#: No systemd, hardly any shared memory, the processes of the machine hidden, and its kernel's log closed.
CONTAINER: dict[str, Any] = {
    "systemd": False, "shm_bytes": 64 * 2**20, "xids": None, "driver_library": None, "fabric_manager": "",
    "programs": (), "nofile_hard": 1048576, "topology": (), "nvlinks": (),
}  # fmt: skip


def desktop(gpu: Gpu) -> tuple[GpuProcess, ...]:
    return (
        GpuProcess(1893, gpu.uuid, 412, "ubuntu", "/usr/lib/xorg/Xorg vt2 -displayfd 3"),
        GpuProcess(2040, gpu.uuid, 180, "ubuntu", "/usr/bin/gnome-shell"),
    )


def judged(count: int, spoiled: dict[int, dict[str, Any]], **made: Any) -> list[Finding]:
    return findings(cluster(count, spoiled, **made))


def test_machines_with_infiniband_that_are_watched_by_dcgm_and_shared_by_mps() -> None:
    def watched(host: int) -> dict[str, Any]:
        uuid = gpus(host)[0].uuid
        watchers = (
            GpuProcess(1200, uuid, 30, "root", "nvidia-cuda-mps-server"),
            GpuProcess(1201, uuid, 12, "root", "/usr/bin/nv-hostengine -n"),
        )
        return {"fabrics": RAILS, "gpu_processes": watchers}

    assert judged(2, {host: watched(host) for host in (1, 2)}) == []


def test_a_small_head_without_gpus_before_large_workers() -> None:
    hosts = {1: {"expect": Expect(gpus=0)}}
    spoiled = {1: HEAD, **{i: {"fabrics": RAILS} for i in (2, 3)}}
    assert judged(3, spoiled, hosts=hosts) == []


def test_a_head_without_gpus_from_an_image_with_a_driver() -> None:
    spoiled = {1: {**HEAD, "gpu_fault": "no-driver", "gpu_error": "couldn't communicate with the NVIDIA driver"}}
    assert judged(3, spoiled, hosts={1: {"expect": Expect(gpus=0)}}) == []
    found = judged(3, spoiled)
    assert told(found) == [("gpu-01", "nvidia-smi", "warning")]
    assert found[0].hint.endswith("if it has no GPU, set hosts.gpu-01.expect.gpus to 0")


def test_groups_of_different_machines_that_the_inventory_tells_apart() -> None:
    def l40s(host: int) -> dict[str, Any]:
        of_it = {"name": "NVIDIA L40S", "compute_capability": "8.9", "memory_mib": 46068, "memory_free_mib": 45500}
        board = gpus(host, 4, fabric_state="N/A", fabric_status="N/A", power_limit=350.0, power_default=350.0, **of_it)
        memory = {"cpus": 64, "memory_bytes": 512 * GIB, "shm_bytes": 256 * GIB, "kernel": "6.8.0-1020-aws"}
        return {**NO_LINKS, **memory, "gpus": board}

    hosts = {i: {"expect": Expect(gpus=4, gpu="L40S")} for i in (3, 4)} | {
        i: {"expect": Expect(gpus=8, gpu="H100")} for i in (1, 2)
    }
    spoiled = {3: l40s(3), 4: l40s(4), 1: {"fabrics": RAILS}, 2: {"fabrics": RAILS}}
    assert judged(4, spoiled, hosts=hosts) == []


def test_instances_of_a_cloud_whose_image_has_a_fabric_manager_and_whose_gpus_have_half_of_their_lanes() -> None:
    a10g = {"name": "NVIDIA A10G", "compute_capability": "8.6", "memory_mib": 23028, "memory_free_mib": 22500,
            "pcie_gen": 1, "pcie_gen_max": 4, "pcie_width": 8, "fabric_state": "", "fabric_status": "",
            "power_limit": 300.0, "power_default": 300.0}  # fmt: skip
    spoiled = {i: {**NO_LINKS, "gpus": gpus(i, 1, **a10g), "fabric_manager": "failed"} for i in (1, 2)}
    assert judged(2, spoiled) == []


@pytest.mark.parametrize("count", [1, 2])
def test_containers_with_one_gpu_each(count: int) -> None:
    enough = {**CONTAINER, "shm_bytes": 256 << 20}
    assert judged(count, {i: {**enough, "gpus": gpus(i, 1)} for i in range(1, count + 1)}) == []


def test_the_same_containers_while_they_serve_and_hide_the_ranks() -> None:
    whole = {key: value for key, value in CONTAINER.items() if key != "programs"} | {"shm_bytes": 256 << 20}
    gpu = gpus(1, 1, memory_free_mib=3000)
    assert judged(1, {1: {**whole, "gpus": gpu, "gpu_processes": (GpuProcess(881, gpu[0].uuid, 77000),)}}) == []


def test_workstations_with_a_desktop_and_boards_of_different_makers() -> None:
    asus = geforce(0, vbios="95.02.3C.40.1A", power_limit=480.0, power_default=480.0, sm_clock_max=3135)
    msi = replace(geforce(0, vbios="95.02.18.80.5F"), uuid="GPU-2")
    spoiled = {
        1: {**NO_LINKS, "gpus": (asus,), "gpu_processes": desktop(asus)},
        2: {**NO_LINKS, "gpus": (msi,), "gpu_processes": desktop(msi)},
    }
    assert judged(2, spoiled) == []


def test_a_desktop_that_leaves_too_little_for_the_model_is_named() -> None:
    gpu = geforce(0, memory_free_mib=20000)
    (finding,) = judged(1, {1: {**NO_LINKS, "gpus": (gpu,), "gpu_processes": desktop(gpu)}})
    assert (finding.fact, finding.severity.value) == ("GPU processes", "blocks")
    assert "Xorg" in finding.message


def test_windows_side_of_wsl() -> None:
    gpu = geforce(0)
    spoiled: dict[str, Any] = {
        **NO_LINKS, "gpus": (gpu,), "driver_module": None, "driver_library": None, "xids": None,
        "gpu_processes": (GpuProcess(21, gpu.uuid, 0, command="/Xwayland"), GpuProcess(33, gpu.uuid)),
    }  # fmt: skip
    assert judged(1, {1: spoiled}) == []


def test_grace_hopper_without_a_switch() -> None:
    gh200 = {"name": "NVIDIA GH200 480GB", "fabric_state": "N/A", "fabric_status": "N/A"}
    spoiled = {i: {"gpus": gpus(i, 1, **gh200), "topology": (), "nvlinks": ((0, 0, 18),), "fabric_manager": "failed"}
               for i in (1, 2)}  # fmt: skip
    assert judged(2, spoiled) == []


def test_a_jetson() -> None:
    orin = Gpu(0, "Orin (nvgpu)", driver="540.4.0")
    told_of_it = {"gpus": (orin,), "driver": "540.4.0", "driver_module": "540.4.0", "driver_library": None, "cuda": ""}
    assert judged(1, {1: {**NO_LINKS, **told_of_it}}, serve=None, packages={"ray": "2.56.1"}) == []


def test_gpus_that_are_cut_into_slices_where_no_model_is_served() -> None:
    assert judged(2, {i: {"gpus": gpus(i, mig=True)} for i in (1, 2)}, serve=None) == []


def test_gpus_that_somebody_keeps_below_their_limit_on_every_host() -> None:
    assert judged(3, {i: {"gpus": gpus(i, power_limit=500.0)} for i in (1, 2, 3)}) == []


def test_virtual_machines_with_half_of_a_board_of_switches() -> None:
    half: dict[str, Any] = {
        "topology": links(4), "nvlinks": tuple((i, 18, 0) for i in range(4)), "fabric_manager": "",
    }  # fmt: skip
    assert judged(2, {i: {**half, "gpus": gpus(i, 4)} for i in (1, 2)}) == []


def test_interfaces_of_every_kind_beside_the_one_that_counts() -> None:
    def noisy(host: int) -> tuple[Interface, ...]:
        return (
            Interface("lo", ("127.0.0.1", "::1"), 8, 65536, True, loopback=True),
            Interface(f"enp{host}s0", (f"10.0.0.{host}", f"fe80::{host}"), 16, 9000, True),
            Interface("docker0", ("172.17.0.1",), 16, 1500, False),
            Interface(f"veth{host}af", (), 0, 1500, True, 10000),
            Interface("eno2", (), 0, 1500, False),
        )

    assert judged(3, {i: {"interfaces": noisy(i)} for i in (1, 2, 3)}) == []


def test_cards_that_are_cabled_by_their_machines_and_not_by_their_names() -> None:
    one = (Fabric("mlx5_0", 1, "ACTIVE", "Ethernet", 200.0), Fabric("mlx5_1", 1, "DOWN", "Ethernet"))
    other = (*(replace(p, state="ACTIVE", rate_gbit=200.0) for p in one), Fabric("bnxt_re0", 1, "ACTIVE", "Ethernet"))
    hosts = {2: {"expect": Expect(gpu="A100")}}
    a100 = gpus(2, name="NVIDIA A100-SXM4-80GB", compute_capability="8.0")
    spoiled = {1: {"fabrics": one}, 2: {"fabrics": other, "gpus": a100}}
    assert judged(2, spoiled, hosts=hosts) == []


def test_a_rolling_upgrade_is_told_and_blocks_nothing() -> None:
    found = judged(4, {i: {"kernel": f"6.8.0-{80 + i}-generic"} for i in range(1, 5)})
    assert {f.fact for f in found} == {"kernel"}
    assert {f.severity.value for f in found} == {"warning"}


def test_a_model_that_fits_on_one_gpu_beside_a_colleague_on_another() -> None:
    gpu = gpus(1)[7]
    bob = GpuProcess(5000, gpu.uuid, 60000, "bob", "python train.py")
    full = (*gpus(1)[:7], replace(gpu, memory_free_mib=20000))
    found = judged(1, {1: {"gpus": full, "gpu_processes": (bob,)}}, serve=Serve(model=MODEL))
    assert told(found) == [("gpu-01", "GPU processes", "warning")]
