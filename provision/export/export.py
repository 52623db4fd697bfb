"""An export: the playbook's steps on hosts that were asked or assumed, as the files of one kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from provision.cluster.cluster import Cluster
from provision.core.errors import ProvisionError
from provision.core.exits import Exit
from provision.core.playbook import Playbook
from provision.core.secret import Secret
from provision.core.urls import bare, masked
from provision.core.values import dataclass
from provision.export.ansible import ansible_files
from provision.export.common import File
from provision.export.compose import compose_files
from provision.export.layout import HostLayout, SecretPlace, layouts
from provision.export.readme import readme
from provision.export.script import script_files
from provision.export.systemd import of_the_system, systemd_files
from provision.inventory.models import Inventory, Python

#: Kind → what makes its files.
_KINDS: Mapping[str, Callable[[Cluster, Sequence[HostLayout]], dict[str, File]]] = {
    "systemd": systemd_files,
    "ansible": ansible_files,
}


#: The same, for those that can be of an image.
_IMAGED: Mapping[str, Callable[[Cluster, Sequence[HostLayout], str], dict[str, File]]] = {
    "script": script_files,
    "compose": compose_files,
}


@dataclass(frozen=True)
class ExportTerms:
    """`root`: the folder on the hosts, instead of the inventory's; `image`: what containers are made of; `ask`: the
    hosts are asked whatever the inventory has."""

    kind: str
    root: str = ""
    image: str = ""
    ask: bool = False


class NotExported(ProvisionError):
    """`up` would not begin either."""

    exit_code = Exit.NO


@dataclass(frozen=True)
class Export:
    """`files`: path below the folder → what is there. `secrets`: host → the files that a person has to write there.
    `notes`: what is not in it, or not known, a line each. `asked`: whether the hosts were."""

    kind: str
    cluster: str
    files: Mapping[str, File]
    secrets: Mapping[str, tuple[SecretPlace, ...]]
    notes: tuple[str, ...]
    asked: bool


def exported(
    terms: ExportTerms,
    cluster: Cluster,
    playbook: Callable[[Cluster], Playbook],
    *,
    asked: bool,
    unknown: Sequence[str],
) -> Export:
    """`cluster.secrets` are placeholders by name. Raises NotExported for what keeps `up` from beginning."""
    kind = terms.kind
    book = playbook(cluster)
    # Of hosts that were not asked it is not known what is wrong with them.
    blockers = [one for one in book.blockers if asked or not one.host]
    if blockers:
        said = "; ".join(f"{one.host}: {one.message}" if one.host else one.message for one in blockers)
        raise NotExported(f"`up` would not begin, so there is nothing to export: {said}", hint=blockers[0].hint)
    hosts = layouts(cluster, book)
    for host in hosts:
        for one in host.programs:
            shown = [word for word in one.command if masked(word) != word]
            if shown:
                said = f"an argument of {one.label} on {host.name} has a password in a URL: `{shown[0]}`"
                raise NotExported(said, hint="give it by a variable (`env`), which an export reads from a file")
    hosts = tuple(map(of_the_system, hosts)) if kind in ("systemd", "ansible") else hosts
    installs = any(host.environment for host in hosts) and not terms.image
    elsewhere = sources(cluster.inventory.python) if installs else ()
    notes = (*unknown, *elsewhere, *(line for host in hosts for line in host.left_out))
    files = _KINDS[kind](cluster, hosts) if kind in _KINDS else _IMAGED[kind](cluster, hosts, terms.image)
    secrets = {host.name: host.secrets for host in hosts}
    made = Export(kind, cluster.name, files, secrets, notes, asked)
    return replace(made, files={**files, "README.md": File(readme(kind, terms.image, cluster, hosts, notes))})


def sources(python: Python) -> tuple[str, ...]:
    """Where packages come from, if not from pip's own index: a person tells pip."""
    said = {
        "PIP_INDEX_URL": [python.index] if python.index else [],
        "PIP_EXTRA_INDEX_URL": list(python.extra_indexes),
        "WHEELS, a folder on the hosts": list(python.find_links),
    }
    found = [
        f"where packages come from: {', '.join(map(bare, places))}: install.sh takes {name}"
        for name, places in said.items()
        if places
    ]
    if python.torch_backend:
        found.append(f"where torch comes from (`torch_backend: {python.torch_backend}`): PIP_EXTRA_INDEX_URL names it")
    return tuple(found)


def placeholders(inventory: Inventory, *more: str) -> dict[str, Secret]:
    """By name, for every secret of the inventory, of which no value is read."""
    return {name: Secret(f"placeholder for {name}", name) for name in (*inventory.secrets, *more)}
