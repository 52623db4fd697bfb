"""File → Inventory, or every problem of the file at once. Contacts nothing, asks no name server."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from provision.inventory.accept import check_accepted
from provision.inventory.ansible import ROLE_HINTS, from_ansible, is_ansible, of_variable
from provision.inventory.ansible_ini import is_ini, listed, refuse_programs
from provision.inventory.checks import RoleHints, check_hosts, check_roles
from provision.inventory.files import read_text
from provision.inventory.firewall import check_firewall
from provision.inventory.flags import RAY_FLAGS, SERVE_FLAGS, check_flags
from provision.inventory.format import InventoryFile
from provision.inventory.hosts import Listed, normalize, resolve
from provision.inventory.lookalikes import check_lookalikes
from provision.inventory.model_here import with_model_here
from provision.inventory.models import Host, Inventory
from provision.inventory.node import YamlNode
from provision.inventory.packages import check_packages
from provision.inventory.paths import resolve_paths
from provision.inventory.ports import check_ports
from provision.inventory.problems import Problems
from provision.inventory.proxy import check_proxy
from provision.inventory.runtime import check_runtime
from provision.inventory.secrets import check_sources
from provision.inventory.served import as_serve, check_placement
from provision.inventory.serverless import as_serverless, check_deployed
from provision.inventory.source import ANSIBLE_TAGS, OddKey, parse, refuse_ambiguous, refuse_tags
from provision.inventory.validate import build, check


def load(
    path: Path | str,
    *,
    require_secrets: bool = True,
    require_files: bool = True,
    ids: Collection[str] | None = None,
) -> Inventory:
    """Reads, resolves and checks an inventory.

    With `require_secrets`, a secret whose environment variable or file is missing is a problem too; their
    values are read later, by `read_secrets`. With `require_files`, so is a missing file that packages are made from, or
    that the API is served with. `ids`: of all findings that can be accepted; None: whatever `accept`
    names is taken as it is. Raises InventoryError.
    """
    file = Path(path)
    written, problems, hints = _written(file, str(path))
    lost = bool(problems) if hints is ROLE_HINTS else _told_of_hosts(written, problems)
    checked = as_serve(check(InventoryFile, as_serverless(written, problems), problems), problems)
    root = resolve_paths(with_model_here(checked, file, problems), file, problems, require=require_files)
    hosts = resolve(root, problems)
    section = root.find("hosts")
    head = None
    if section is not None and not lost and _complete(written, root, hosts):
        head = check_roles(hosts, section, problems, hints)
    check_hosts(hosts, root, problems)
    check_placement(root, hosts, problems)
    check_ports(hosts, head, root, problems)
    check_flags(root, problems)
    check_lookalikes(root, {*SERVE_FLAGS, *RAY_FLAGS}, problems)
    check_packages(root, problems)
    check_sources(root, problems, require=require_secrets)
    check_accepted(root, ids, problems)
    check_firewall(root, problems)
    check_deployed(root, problems)
    check_runtime(root, problems)
    check_proxy(root, problems)
    problems.stop_if_any()
    return _inventory(file, root, hosts, head)


def list_hosts(path: Path | str) -> tuple[Listed, ...]:
    """Who the hosts of a file are and how they are reached, also where none of them is the head yet. Raises
    InventoryError."""
    written, problems, _ = _written(Path(path), str(path))
    described = as_serverless(written, problems)
    checked = resolve_paths(check(InventoryFile, described, problems), Path(path), problems, require=False)
    hosts = resolve(checked, problems)
    problems.stop_if_any()
    return tuple(hosts)


def _written(file: Path, name: str) -> tuple[YamlNode, Problems, RoleHints]:
    """What stands in the file, in our own format; the problems so far; how a head is named there."""
    problems = Problems(name)
    text = read_text(file, problems)
    refuse_programs(text, file, problems)
    ini = is_ini(text, file)
    if ini:
        text, problems = listed(file, problems), Problems(f"{name} (as `ansible-inventory` lists it)")
    odd: list[OddKey] = []
    written = parse(text, problems, tags=ANSIBLE_TAGS, odd=odd)
    ansible = is_ansible(written)
    if odd and not ansible:
        written = parse(text, problems, tags=ANSIBLE_TAGS)
    for key in odd:
        if not of_variable(key.path):
            key.refuse(problems)
    if ansible:
        return normalize(from_ansible(written, file, problems, beside=not ini)), problems, ROLE_HINTS
    refuse_tags(written, problems)
    refuse_ambiguous(written, problems)
    if not text.isascii():
        from provision.inventory.typeset import refuse_typeset  # most inventories have no such characters

        refuse_typeset(written, problems)
    return normalize(written), problems, RoleHints()


def _told_of_hosts(written: YamlNode, problems: Problems) -> bool:
    """Whether a host, and with it `role: head`, may be lost already: one whose name lacks quotes is."""
    sections = (written.find("hosts"), written.find("groups"))
    return any(section is not None and problems.about(section) for section in sections)


def _complete(written: YamlNode, root: YamlNode, hosts: list[Listed]) -> bool:
    """Whether nothing that may have said `role: head` was lost to another mistake."""
    for name in ("hosts", "groups"):
        before, after = written.find(name), root.find(name)
        if before is None or after is None:
            continue
        for key, entry in before.children.items():
            left = after.find(key)
            if left is None or left.children.keys() != entry.children.keys():
                return False
    section = root.find("hosts")
    return section is not None and len({h.entry.key for h in hosts}) >= len({e.key for e in section.children.values()})


def _inventory(file: Path, root: YamlNode, hosts: list[Listed], head: str | None) -> Inventory:
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
