"""Which key of the inventory moves a port that a log calls taken."""

from __future__ import annotations

from collections.abc import Mapping

#: Where nobody knows the inventory: its defaults (provision.inventory.models).
DEFAULTS: Mapping[int, str] = {
    6379: "ray.port",
    6380: "ray.node_manager_port",
    6381: "ray.object_manager_port",
    6382: "ray.runtime_env_agent_port",
    6383: "ray.dashboard_agent_grpc_port",
    6384: "ray.metrics_export_port",
    8000: "serve.port",
    8265: "ray.dashboard_port",
    29501: "serve.master_port",
    52365: "ray.dashboard_agent_listen_port",
}

#: Of Ray's worker processes, likewise.
WORKERS = range(20000, 21000)


def another(port: str | None, keys: Mapping[int, str]) -> str:
    """What to choose another one of."""
    number = int(port) if port and port.isdecimal() else 0
    if key := keys.get(number):
        return f"another `{key}` in the inventory"
    if keys is DEFAULTS and number in WORKERS:
        return "another range for Ray's workers in the inventory (`ray.min_worker_port`, `ray.max_worker_port`)"
    return f"another port than {port} for what was to listen there"
