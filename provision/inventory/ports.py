"""No two services of a host on one port: Ray's own, pinned for a firewall, and the model server's."""

from __future__ import annotations

from collections.abc import Sequence

from provision.inventory.hosts import Listed
from provision.inventory.models import Ray, Serve
from provision.inventory.node import YamlNode
from provision.inventory.problems import Problems
from provision.inventory.serverless import BACKEND, STORE_PORT, ServerlessLlm

_ON_EVERY_HOST = (
    "node_manager_port",
    "object_manager_port",
    "runtime_env_agent_port",
    "dashboard_agent_grpc_port",
    "dashboard_agent_listen_port",
    "metrics_export_port",
)
_ON_THE_HEAD = ("port", "dashboard_port")


def check_ports(hosts: Sequence[Listed], head: str | None, root: YamlNode, problems: Problems) -> None:
    """A mistake in a shared setting is told once, for the first host that it hits."""
    told: set[tuple[str, str]] = set()
    serve = root.find("serve")
    backend = serve.find("backend") if serve is not None else None
    ray = backend is None or backend.text != "mp"
    for host in hosts:
        used = {f"ray.{key}": _ray(host, key) for key in _ON_EVERY_HOST} if ray else {}
        if host.name == head:
            used |= {f"ray.{key}": _ray(host, key) for key in _ON_THE_HEAD} if ray else {}
            if serve is not None and serve.is_mapping:
                node = serve.find("port")
                used[f"{serve.name}.port"] = (_number(node, Serve.model_fields["port"].default), node)
                if not ray:
                    node = serve.find("master_port")
                    used[f"{serve.name}.master_port"] = (_number(node, Serve.model_fields["master_port"].default), node)
        section = root.find(BACKEND)
        if section is not None and section.is_mapping:
            if host.name == head:
                node = section.find("port")
                used[f"{BACKEND}.port"] = (_number(node, ServerlessLlm.model_fields["port"].default), node)
            else:
                used["the store of ServerlessLLM"] = (STORE_PORT, None)
        _check_host(host, used, told, problems, ray=ray)


def _check_host(
    host: Listed,
    used: dict[str, tuple[int, YamlNode | None]],
    told: set[tuple[str, str]],
    problems: Problems,
    *,
    ray: bool,
) -> None:
    (low, low_node), (high, high_node) = _ray(host, "min_worker_port"), _ray(host, "max_worker_port")
    workers = low_node or high_node
    if low > high:
        if workers is not None and ("min", "max") not in told:
            told.add(("min", "max"))
            message = f"min_worker_port {low} is above max_worker_port {high}"
            problems.value(workers, message, f"write `min_worker_port: {high}` and `max_worker_port: {low}`")
        return
    owners: dict[int, tuple[str, YamlNode | None]] = {}
    for name, (port, node) in used.items():
        other, other_node = owners.setdefault(port, (name, node))
        place = node or other_node
        if other != name and place is not None and (other, name) not in told:
            told.add((other, name))
            message = f"port {port} is both `{other}` and `{name}` on {host.name}"
            problems.value(place, message, "give one of the two another port")
        place = node or workers
        if ray and low <= port <= high and place is not None and ("workers", name) not in told:
            told.add(("workers", name))
            message = f"port {port} of `{name}` lies among Ray's worker ports {low} to {high} on {host.name}"
            problems.value(place, message, f"choose one outside of {low} to {high}")


def _ray(host: Listed, key: str) -> tuple[int, YamlNode | None]:
    node = host.settings.find("ray", key)
    return _number(node, Ray.model_fields[key].default), node


def _number(node: YamlNode | None, default: int) -> int:
    return node.value if node is not None and isinstance(node.value, int) else default
