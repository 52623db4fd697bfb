"""File → Inventory, or every problem of the file at once. Contacts nothing, asks no name server."""

from __future__ import annotations

from pathlib import Path

from provision.inventory.checks import check_hosts, check_roles
from provision.inventory.files import read_text
from provision.inventory.format import InventoryFile
from provision.inventory.hosts import Listed, normalize, resolve
from provision.inventory.models import Host, Inventory
from provision.inventory.problems import Problems
from provision.inventory.source import Node, parse, refuse_ambiguous
from provision.inventory.validate import build, check


def load(path: Path | str, *, require_secrets: bool = True) -> Inventory:
    """Reads, resolves and checks an inventory.

    With `require_secrets`, a secret whose environment variable or file is missing is a problem too; their
    values are read later, by `read_secrets`. Raises InventoryError.
    """
    file = Path(path)
    problems = Problems(str(path))
    written = parse(read_text(file, problems), problems)
    refuse_ambiguous(written, problems)
    return _inventory(file, normalize(written), problems)


def _inventory(file: Path, written: Node, problems: Problems) -> Inventory:
    root = check(InventoryFile, written, problems)
    hosts = resolve(root, problems)
    head = check_roles(hosts, root.find("hosts") or root, problems, "")
    check_hosts(hosts, root, problems)
    problems.stop_if_any()
    common = {k: v for k, v in root.children.items() if k in Inventory.model_fields and k != "hosts"}
    return build(
        Inventory,
        root.with_value(common),
        path=file,
        hosts=tuple(_host(host, head) for host in hosts),
    )


def _host(host: Listed, head: str | None) -> Host:
    address = host.settings.find("address")
    return build(
        Host,
        host.settings,
        name=host.name,
        address=address.text if address is not None and address.value is not None else host.name,
        role="head" if host.name == head else "worker",
        groups=host.groups,
    )
