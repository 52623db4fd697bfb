"""A cluster as its inventory says it is, for an export that asks no host."""

from __future__ import annotations

from dataclasses import replace

from provision.cluster.cluster import Cluster, Node
from provision.facts import Facts, Gpu, Interface, read_facts
from provision.inventory.models import Host, Inventory

#: Whom root's services are started by.
_ROOT = "root"


def missing(inventory: Inventory) -> list[str]:
    """What the inventory does not say and only a host can: in its own words. Empty: no host has to be asked."""
    found = [f"hosts.{host.name}.node_ip" for host in inventory.hosts if not host.node_ip]
    if inventory.serve is not None and not inventory.serve.gpus:
        found.append("serve.tensor_parallel and serve.pipeline_parallel, which are `auto`")
    return found


def assumed(cluster: Cluster) -> tuple[Cluster, tuple[str, ...]]:
    """`cluster` of hosts that were not asked, as if each had said what the inventory has for it; and what remains
    unknown of it, a line each. A `root` below a home folder becomes
    /opt/CLUSTER, and that is said."""
    inventory = cluster.inventory
    share = -(-inventory.serve.gpus // len(inventory.hosts)) if inventory.serve else 0
    nodes, unknown = [], []
    for node in cluster.nodes:
        host = node.host
        if host.base.startswith("~"):
            below = f"/opt/{cluster.name}"
            said = f"where `{host.base}` is, so `{below}` is used: `--root` chooses another"
            unknown.append(f"{host.name}: {said}")
            host = host.model_copy(update={"root": below})
        if host.expect.gpus is None:
            unknown.append(f"{host.name}: how many GPUs it has: `expect.gpus` says it")
        unknown.append(f"{host.name}: its RDMA devices: `env: {{NCCL_IB_HCA: …}}` names them")
        nodes.append(Node(host, _facts(host, share), None))
    hosts = tuple(node.host for node in nodes)
    return replace(cluster, inventory=inventory.model_copy(update={"hosts": hosts}), nodes=tuple(nodes)), tuple(unknown)


def _facts(host: Host, share: int) -> Facts:
    gpus = share if host.expect.gpus is None else host.expect.gpus
    user = host.ssh.user or ""
    address = host.node_ip or host.address
    return replace(
        read_facts(""),
        uid=0 if host.sudo else 1000,
        user=_ROOT if host.sudo else user,
        login_user=user,
        home="/root" if host.sudo else "",
        root=host.base,
        systemd=True,
        interfaces=(Interface(host.interface, (address,), up=True),) if host.interface else (),
        gpus=tuple(Gpu(index, host.expect.gpu or "") for index in range(gpus)),
        driver=host.expect.driver,
    )
