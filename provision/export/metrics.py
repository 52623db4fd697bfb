"""What Prometheus and Grafana need to watch a cluster: values of the inventory → files. No key is in them."""

from __future__ import annotations

import json
from collections.abc import Mapping

import yaml

from provision.core.errors import UsageError
from provision.core.urls import bracketed
from provision.export.common import File
from provision.export.dashboard import dashboard
from provision.inventory.models import Host, Inventory
from provision.payload.bundle import shell
from provision.resources.vllm import API_KEY

#: The port on which node_exporter listens unless it is told otherwise.
NODE_EXPORTER = 9100

#: Files beside the configuration, which only their reader can write: the API's key, and the server's certificate.
KEY_FILE, CERTIFICATE_FILE = "vllm-key", "vllm-certificate.pem"

_COLLECTOR = "gpus.sh"


def metrics_files(inventory: Inventory, *, node_exporter: int = NODE_EXPORTER) -> Mapping[str, File]:
    """By path. Raises UsageError where the inventory serves no model."""
    serve = inventory.serve
    if serve is None:
        raise UsageError("the inventory serves no model, so nothing is to be scraped", hint="add `serve: {model: …}`")
    head = inventory.head
    model = serve.name or serve.model
    vllm = [_target(inventory, head, _at(_listens(inventory) or _reached(head), serve.port), model=model)]
    nodes = [_target(inventory, host, _at(_reached(host), node_exporter)) for host in inventory.hosts]
    scripts = f"#!/bin/sh\n# Written by `provision metrics`: docs/day-after.md.\n\n{shell('figures/gpus.sh')}\n"
    return {
        "prometheus.yml": File(_prometheus(inventory)),
        "targets/vllm.json": File(_json(vllm)),
        "targets/node.json": File(_json(nodes)),
        "grafana.json": File(dashboard(inventory.cluster)),
        _COLLECTOR: File(scripts, runs=True),
    }


def key_wanted(inventory: Inventory) -> bool:
    """Whether /metrics wants the API's key. vLLM's own guard leaves that path open."""
    serve = inventory.serve
    return bool(serve and serve.guard and API_KEY in inventory.secrets and "metrics" not in serve.without_key)


def by_address_alone(inventory: Inventory) -> bool:
    """Whether the server is looked for at its host's `address` for want of anything better: which network `up` has
    chosen for the nodes no file says."""
    return inventory.serve is not None and not (_listens(inventory) or inventory.head.node_ip)


def _listens(inventory: Inventory) -> str | None:
    """The one address at which the server listens, where the inventory says so."""
    serve = inventory.serve
    return serve.listen if serve is not None and serve.listen not in ("0.0.0.0", "::") else None


def _prometheus(inventory: Inventory) -> str:
    serve = inventory.serve
    job: dict[str, object] = {"job_name": "vllm", "file_sd_configs": [{"files": ["targets/vllm.json"]}]}
    if serve is not None and serve.tls is not None:
        job |= {"scheme": "https", "tls_config": {"ca_file": CERTIFICATE_FILE}}
    if key_wanted(inventory):
        job["authorization"] = {"type": "Bearer", "credentials_file": KEY_FILE}
    node = {"job_name": "node", "file_sd_configs": [{"files": ["targets/node.json"]}]}
    page = {"global": {"scrape_interval": "15s"}, "scrape_configs": [job, node]}
    text: str = yaml.safe_dump(page, sort_keys=False)
    return text


def _target(inventory: Inventory, host: Host, at: str, **labels: str) -> dict[str, object]:
    return {"targets": [at], "labels": {"cluster": inventory.cluster, "host": host.name, "role": host.role, **labels}}


def _reached(host: Host) -> str:
    return host.node_ip or host.address


def _at(address: str, port: int) -> str:
    return f"{bracketed(address)}:{port}"


def _json(value: object) -> str:
    return json.dumps(value, indent=1) + "\n"
