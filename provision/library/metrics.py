"""What Prometheus and Grafana need to watch a cluster, as files in a folder."""

from __future__ import annotations

from pathlib import Path

from provision.core.values import dataclass
from provision.export.metrics import CERTIFICATE_FILE, KEY_FILE, by_address_alone, key_wanted, metrics_files
from provision.export.writing import write
from provision.inventory.models import Inventory


@dataclass(frozen=True)
class WrittenMetrics:
    """`files`: what was written to `folder`, by names in it. `to_add`: names of files that a person puts there, since
    what is in them is a secret, or the server's. `notes`: what may not be as it was taken to be."""

    folder: Path
    files: tuple[str, ...]
    to_add: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def metrics(inventory: Inventory, folder: Path | None = None, *, node_exporter: int = 9100) -> WrittenMetrics:
    """Writes targets, a scrape configuration, a dashboard and a collector. Contacts no host. `folder`: by default
    CLUSTER-metrics in the current one. `node_exporter`: its port on the hosts. Raises ProvisionError if the folder
    cannot be written."""
    files = metrics_files(inventory, node_exporter=node_exporter)
    where = folder or Path(f"{inventory.cluster}-metrics")
    write(files, where)
    missing = [KEY_FILE] if key_wanted(inventory) else []
    missing += [CERTIFICATE_FILE] if inventory.serve is not None and inventory.serve.tls is not None else []
    notes = []
    if by_address_alone(inventory):
        at = f"{inventory.head.name} is looked for at its `address`, {inventory.head.address}"
        notes = [f"{at}: where the end of `up` names another one, write that as its `node_ip`"]
    return WrittenMetrics(where, tuple(files), tuple(missing), tuple(notes))
