"""Which key of the inventory moves which port, to be named where the port is taken."""

from __future__ import annotations

from provision.cluster.cluster import Cluster, Node
from provision.resources.ports import PortsFree
from provision.resources.service import Place
from provision.stack.leftovers import going


def port_keys(cluster: Cluster, node: Node) -> tuple[tuple[int, str], ...]:
    """Port → key, of all that the cluster's services listen at, on the head and on workers: the same keys on every
    host. The port of ServerlessLLM's store is its own, and no key moves it."""
    serve, serverless = cluster.inventory.serve, cluster.inventory.serverlessllm
    if serve is not None and serve.backend == "mp":
        return ((serve.port, "serve.port"), (serve.master_port, "serve.master_port"))
    ray = node.host.ray.port_keys()
    if serverless is not None:
        return (*ray, (serverless.port, "serverlessllm.port"))
    return (*ray, (serve.port, "serve.port")) if serve is not None else ray


def keys_in_logs(cluster: Cluster) -> tuple[tuple[int, str], ...]:
    """Of all that a log may call taken: that of the dashboard, too, which nobody looks at before."""
    ray = cluster.head.host.ray
    return (*port_keys(cluster, cluster.head), (ray.dashboard_port, "ray.dashboard_port"))


def ports_free(
    cluster: Cluster, node: Node, place: Place, address: str, ports: tuple[tuple[int, str], ...]
) -> PortsFree:
    """That the service at `place` finds its ports free once what is ended before it has gone."""
    return PortsFree(place, address, ports, going=going(cluster, node), keys=port_keys(cluster, node))
