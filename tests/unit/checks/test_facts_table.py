"""What the table of hosts and facts shows of a host."""

import pytest
from judge_samples import GIB, cluster, facts, gpu, gpus, links, ours, stranger

from provision.checks.facts_table import known_of
from provision.cluster.cluster import Node
from provision.core.finding import AREAS
from provision.facts import Fabric, Facts, Gpu, GpuProcess, ModelFolder, Xid
from provision.facts.read import UNLIMITED
from provision.inventory.models import Host


def cells(**spoiled: object) -> dict[str, str]:
    (node,) = cluster(1, {1: spoiled}).nodes
    assert node.facts is not None
    return {known.fact: known.value for known in known_of(node, node.facts, "llama")}


def test_a_host_is_told_in_short_cells() -> None:
    shown = cells()
    expected = {
        "driver": "590.48.01",
        "kernel module": "590.48.01",
        "driver library": "590.48.01",
        "CUDA": "13.1",
        "fabric manager": "active",
        "GPUs": "8",
        "GPU model": "NVIDIA H100 80GB HBM3",
        "GPU memory": "80 GiB",
        "compute capability": "9.0",
        "ECC": "on",
        "ECC errors": "0",
        "remapped rows": "none pending",
        "MIG": "off",
        "power limit": "700 W",
        "max clock": "1980 MHz",
        "PCIe width": "16 of 16",
        "PCIe generation": "5 of 5",
        "NVLink": "18",
        "topology": "28 × NV18",
        "Xid errors": "none",
        "node address": "10.0.0.1",
        "interface": "bond0",
        "MTU": "9000",
        "link speed": "200 Gbit/s",
        "hostname": "gpu-01 → 127.0.1.1",
        "/dev/shm": "1007 GiB",
        "disk free": "1500 GiB",
        "model folder": "131 GiB in 36 files, 3f9c1a2b",
        "model disk free": "900 GiB",
        "OS": "ubuntu 24.04",
        "kernel": "6.8.0-86-generic",
        "CPUs": "192",
        "memory": "2015 GiB",
        "open files": "1048576",
        "boot": "00000001",
        "uptime": "3 days",
        "clock": "+0 s",
        "init": "systemd",
        "Ray version": "2.56.1",
        "vLLM version": "0.33.0",
    }
    assert {fact: shown.get(fact) for fact in expected} == expected
    assert max(len(value) for value in shown.values()) < 90


def test_every_cell_has_an_area_and_each_fact_is_there_once() -> None:
    (node,) = cluster(1).nodes
    assert node.facts is not None
    known = known_of(node, node.facts)
    assert {cell.area for cell in known} <= set(AREAS)
    assert len({cell.fact for cell in known}) == len(known)


def test_what_changes_by_itself_does_not_last() -> None:
    (node,) = cluster(1, {1: {"gpu_processes": (GpuProcess(5, "GPU-1"),), "programs": (stranger("vllm"),)}}).nodes
    assert node.facts is not None
    passing = {cell.fact for cell in known_of(node, node.facts) if not cell.lasting}
    assert passing >= {
        "disk free",
        "model disk free",
        "uptime",
        "clock",
        "GPU memory free",
        "GPU processes",
        "other vLLM",
    }
    assert not passing & {"driver", "GPU UUIDs", "VBIOS", "MTU", "boot", "memory", "ECC errors", "Ray version"}


def test_a_host_that_says_nothing_has_no_cells_but_what_the_inventory_says() -> None:
    node = Node(Host(name="gpu-01", address="10.0.0.1", role="head"), Facts(gpu_fault="hung"))
    shown = {known.fact: known.value for known in known_of(node, Facts(gpu_fault="hung"))}
    assert shown == {"nvidia-smi": "hung", "node address": "10.0.0.1"}


def test_gpus_that_differ_are_counted() -> None:
    mixed = (*gpus(1, 2), gpu(2, name="NVIDIA L4", ecc=False, uuid="GPU-ffff0002-0"))
    shown = cells(gpus=mixed, topology=())
    assert shown["GPU model"] == "2 × NVIDIA H100 80GB HBM3, 1 × NVIDIA L4"
    assert shown["ECC"] == "1 × off, 2 × on"
    assert shown["GPU UUIDs"] == "00010000, 00010001, ffff0002"
    assert "topology" not in shown


def test_gpus_whose_uuids_begin_alike_are_told_apart() -> None:
    assert cells(gpus=(Gpu(0, "x", "GPU-00000000-1"), Gpu(1, "x", "GPU-00000000-2")))["GPU UUIDs"] == (
        "00000000-1, 00000000-2"
    )


@pytest.mark.parametrize(
    ("spoiled", "fact", "value"),
    [
        ({"gpus": (), "gpu_fault": "missing"}, "GPUs", "0"),
        ({"gpus": (), "gpu_fault": "no-devices"}, "GPUs", "0"),
        ({"gpus": (), "gpu_fault": "hung"}, "GPUs", None),
        ({"gpus": gpus(1, 7), "gpu_fault": "lost"}, "GPUs", "7"),
        ({"gpus": gpus(1, throttle=0x1)}, "throttling", None),
        ({"gpus": gpus(1, throttle=0x48)}, "throttling", "hw slowdown + hw thermal slowdown"),
        ({"gpus": gpus(1, remapped_failure=True)}, "remapped rows", "failed"),
        ({"gpus": gpus(1, remapped_pending=True)}, "remapped rows", "pending"),
        ({"gpus": gpus(1, retired_pending=False)}, "retired pages", "none pending"),
        ({"gpus": gpus(1, ecc_uncorrected=2)}, "ECC errors", "16"),
        ({"gpus": gpus(1, ecc_uncorrected=None)}, "ECC errors", None),
        ({"gpus": gpus(1, memory_mib=6144)}, "GPU memory", "6 GiB"),
        ({"nvlinks": ((0, 18, 0), (1, 17, 1))}, "NVLink", "1 × 17 of 18, 1 × 18"),
        ({"topology": (("X", "NV4", "SYS"), ("NV4", "X", "SYS"), ("SYS", "SYS", "X"))}, "topology", "1 × NV4, 2 × SYS"),
        ({"topology": links(1)}, "topology", None),
        ({"xids": None}, "Xid errors", None),
        ({"xids": (Xid(79, "0:4"), Xid(48, "0:4", 2), Xid(48, "0:5"))}, "Xid errors", "48 × 3, 79 × 1"),
        ({"gpu_processes": (GpuProcess(5, "a", 1, "bob", "/usr/bin/python x.py"),)}, "GPU processes", "5 python"),
        ({"fabrics": tuple(Fabric(f"mlx5_{i}", 1, "ACTIVE", "InfiniBand", 400.0) for i in range(8))}, "fabric ports",
         "8 × InfiniBand ACTIVE 400 Gbit/s"),
        ({"fabrics": (Fabric("mlx5_0", 1, "DOWN", "Ethernet", 10.0),)}, "fabric ports", "1 × Ethernet DOWN"),
        ({"hostname_addresses": ("10.0.0.1",)}, "hostname", "gpu-01"),
        ({"hostname_addresses": ("::1",)}, "hostname", "gpu-01 → ::1"),
        ({"nofile_hard": UNLIMITED}, "open files", "unlimited"),
        ({"shm_bytes": 64 * 2**20}, "/dev/shm", "64 MiB"),
        ({"disk_free_bytes": int(1.5 * GIB)}, "disk free", "1.5 GiB"),
        ({"clock_offset": -12.4}, "clock", "-12 s"),
        ({"uptime_seconds": 600.0}, "uptime", "10 min"),
        ({"printed": {"reboot": "required\n"}}, "reboot", "required"),
        ({"model": None}, "model folder", None),
        ({"model": ModelFolder("/m")}, "model folder", "not there"),
        ({"model": ModelFolder("/m", True)}, "model folder", "no files"),
        ({"model": ModelFolder("/m", True, 3, 4 * GIB)}, "model folder", "4 GiB in 3 files"),
        ({"programs": (ours(1, "raylet", version=""),)}, "Ray version", "runs"),
        ({"programs": (stranger("raylet"),)}, "Ray version", None),
        ({"programs": (stranger("raylet"),)}, "other Ray", "2.9.0 (pid 77, bob)"),
    ],
)  # fmt: skip
def test_a_cell_says(spoiled: dict[str, object], fact: str, value: str | None) -> None:
    assert cells(**spoiled).get(fact) == value


def test_the_interface_that_the_inventory_names_is_shown() -> None:
    made = Node(Host(name="gpu-01", address="10.0.0.1", interface="eno1", node_ip="10.0.0.1"), facts(1))
    shown = {known.fact: known.value for known in known_of(made, facts(1))}
    assert (shown["interface"], shown["MTU"], shown["link speed"]) == ("eno1", "1500", "1 Gbit/s")
