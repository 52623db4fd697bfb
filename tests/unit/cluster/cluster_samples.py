"""A made-up cluster of two hosts, as a playbook is called with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from provision.cluster.cluster import Cluster, Node
from provision.core.secret import Secret
from provision.environment.lockfile import Lock
from provision.facts import Facts
from provision.facts.model import Gpu, Interface, PythonFound
from provision.inventory.models import Host, Inventory, Python, Ray, Serve

LOCK = Lock(Path("a.lock"), "", "3.12", "x86_64-manylinux_2_34", {"ray": "2.56.1"}, {"ray": ()}, "3f9c" * 16)
TOKEN = {"RAY_AUTH_TOKEN": Secret("token-value", "RAY_AUTH_TOKEN")}


def facts(address: str, *, gpus: int = 2, **more: Any) -> Facts:
    values: dict[str, Any] = {
        "uid": 1000,
        "user": "ubuntu",
        "login_user": "ubuntu",
        "login_home": "/home/ubuntu",
        "root": "/home/ubuntu/.provision",
        "arch": "x86_64",
        "glibc": "2.39",
        "pythons": (PythonFound("/usr/bin/python3.12", "3.12"),),
        "interfaces": (Interface("lo", ("127.0.0.1",), loopback=True), Interface("eth0", (address,), up=True)),
        "driver": "590.48.01",
        "gpus": tuple(Gpu(index, "NVIDIA H100 80GB HBM3") for index in range(gpus)),
    }
    return Facts(**{**values, **more})


def cluster(
    *,
    serve: Serve | None = None,
    ray: Ray | None = None,
    secrets: Mapping[str, Secret] | None = None,
    head: Facts | None = None,
    worker: Facts | None = None,
    unknown: bool = False,
    packages: tuple[str, ...] = ("vllm",),
    **host: Any,
) -> Cluster:
    """`unknown`: the worker was not contacted. `host`: settings of both hosts."""
    ray = ray or Ray()
    hosts = (
        Host(name="gpu-01", address="10.0.0.1", role="head", ray=ray, **host),
        Host(name="gpu-02", address="10.0.0.2", ray=ray, **host),
    )
    inventory = Inventory(
        path=Path("inventory.yaml"), cluster="llama", hosts=hosts, python=Python(packages=packages), serve=serve
    )
    nodes = (
        Node(hosts[0], head or facts("10.0.0.1")),
        Node(hosts[1], None if unknown else worker or facts("10.0.0.2")),
    )
    return Cluster(inventory, nodes, LOCK, {**TOKEN, **(secrets or {})})
