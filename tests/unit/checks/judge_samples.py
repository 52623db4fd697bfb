"""A made-up cluster of any size, sound and alike, to be spoiled in one place at a time."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gpu_samples import h100

from provision.cluster.cluster import Cluster, Node
from provision.core.finding import Finding
from provision.environment.lockfile import Lock
from provision.facts import Facts, Gpu, Interface, ModelFolder, Program
from provision.inventory.models import Host, Inventory, Serve

GIB = 2**30
MODEL = "/models/llama"
ROOT = "/home/ubuntu/.provision"
PACKAGES = {"ray": "2.56.1", "vllm": "0.33.0"}
LOCK = Lock(Path("a.lock"), "", "3.12", "x86_64-manylinux_2_34", PACKAGES, {}, "3f9c" * 16)
ENVIRONMENT = f"{ROOT}/envs/{LOCK.short}"


def name(index: int) -> str:
    return f"gpu-{index:02d}"


def gpu(index: int, host: int = 1, **more: Any) -> Gpu:
    return h100(index, **{"uuid": f"GPU-{host:04x}{index:04x}-0000-0000-0000-000000000000", **more})


def gpus(host: int, count: int = 8, **more: Any) -> tuple[Gpu, ...]:
    return tuple(gpu(index, host, **more) for index in range(count))


def links(count: int = 8, kind: str = "NV18") -> tuple[tuple[str, ...], ...]:
    return tuple(tuple("X" if a == b else kind for b in range(count)) for a in range(count))


def port(host: int, *, mtu: int = 9000, speed: int | None = 200000, up: bool = True) -> tuple[Interface, ...]:
    lo = Interface("lo", ("127.0.0.1", "::1"), 8, 65536, True, loopback=True)
    front = Interface("eno1", (f"192.0.2.{host}",), 24, 1500, True, 1000)
    return (lo, front, Interface("bond0", (f"10.0.0.{host}",), 16, mtu, up, speed))


def facts(host: int, **more: Any) -> Facts:
    """Of the host of this number, which serves already."""
    values: dict[str, Any] = {
        "hostname": name(host),
        "user": "ubuntu",
        "uid": 1000,
        "home": "/home/ubuntu",
        "login_user": "ubuntu",
        "login_home": "/home/ubuntu",
        "arch": "x86_64",
        "kernel": "6.8.0-86-generic",
        "os_id": "ubuntu",
        "os_version": "24.04",
        "glibc": "2.39",
        "boot_id": f"{host:08x}-6a5c-4f3e-9a57-b0f4cc1d2c11",
        "uptime_seconds": 3 * 86400.0,
        "systemd": True,
        "cpus": 192,
        "memory_bytes": 2015 * GIB,
        "shm_bytes": 1007 * GIB,
        "nofile_soft": 1024,
        "nofile_hard": 1048576,
        "root": ROOT,
        "disk_free_bytes": 1500 * GIB,
        "interfaces": port(host),
        "gpus": gpus(host),
        "driver": "590.48.01",
        "driver_module": "590.48.01",
        "driver_library": "590.48.01",
        "cuda": "13.1",
        "topology": links(),
        "nvlinks": tuple((index, 18, 0) for index in range(8)),
        "fabric_manager": "active",
        "xids": (),
        "programs": tuple(ours(host, kind) for kind in ("raylet", *(("gcs_server", "vllm") if host == 1 else ()))),
        "clock_offset": 0.3,
        "hostname_addresses": ("127.0.1.1",),
        "model": ModelFolder(MODEL, True, 36, 131 * GIB, "3f9c1a2b00", 900 * GIB),
    }
    return Facts(**{**values, **more})


def ours(host: int, kind: str, **more: Any) -> Program:
    part = "vllm" if kind == "vllm" else "ray"
    values: dict[str, Any] = {
        "user": "ubuntu",
        "command": f"{ENVIRONMENT}/bin/{kind}",
        "environment": ENVIRONMENT,
        "version": PACKAGES[part],
        "node_ip": f"10.0.0.{host}" if kind == "raylet" else "",
        "mark": f"llama/{name(host)}/{part}",
    }
    return Program(kind, 1000 + len(kind), **{**values, **more})


def stranger(kind: str, pid: int = 77, **more: Any) -> Program:
    values: dict[str, Any] = {
        "user": "bob",
        "command": f"/home/bob/venv/bin/{kind} --port 6379",
        "environment": "/home/bob/venv",
        "version": "2.9.0",
    }
    return Program(kind, pid, **{**values, **more})


def cluster(
    count: int,
    spoiled: Mapping[int, Mapping[str, Any]] | None = None,
    *,
    serve: Serve | None = Serve(model=MODEL, tensor_parallel=1),  # noqa: B008
    hosts: Mapping[int, Mapping[str, Any]] | None = None,
    silent: Sequence[int] = (),
    packages: Mapping[str, str] | None = None,
) -> Cluster:
    """`spoiled`: facts of some of the hosts, which count from 1. `hosts`: their settings in the inventory. `silent`:
    those that were not contacted. The first is the head."""
    made = tuple(
        Host(
            **{
                "name": name(index),
                "address": f"192.0.2.{index}",
                "node_ip": f"10.0.0.{index}",
                "role": "head" if index == 1 else "worker",
                **(hosts or {}).get(index, {}),
            }
        )
        for index in range(1, count + 1)
    )
    nodes = tuple(
        Node(host, None if index in silent else facts(index, **(spoiled or {}).get(index, {})))
        for index, host in enumerate(made, 1)
    )
    lock = Lock(LOCK.path, "", LOCK.python, LOCK.platform, packages, {}, LOCK.digest) if packages else LOCK
    return Cluster(Inventory(path=Path("inventory.yaml"), cluster="llama", hosts=made, serve=serve), nodes, lock, {})


def told(found: Sequence[Finding]) -> list[tuple[str, str, str]]:
    """What a test usually asks: host, fact, severity."""
    return [(finding.host, finding.fact, finding.severity.value) for finding in found]
