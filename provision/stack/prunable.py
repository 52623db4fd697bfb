"""What no environment in use needs, on each host: how it is asked for, and the typed answer."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import PurePosixPath

from provision.core.regex import regex
from provision.core.script import Fragment, Script
from provision.core.values import dataclass
from provision.inventory.models import Inventory
from provision.resources.venv_left import leftovers

#: What a host that keeps the last good start says before the name of its environment.
_BACK = "goes-back-to="
_NUMBER = regex(r"[0-9]{1,18}")


@dataclass(frozen=True)
class Leftover:
    """A folder on a host. `why`: what it is of."""

    host: str
    path: str
    kib: int
    why: str


def leftover_scripts(
    inventory: Inventory, only: Collection[str], remove: bool | Collection[Leftover]
) -> dict[str, Script]:
    """By host: lists what is left there, or, with `remove`, removes it: of a list, what is on it and still left."""
    listed = None if isinstance(remove, bool) else [(one.host, one.path) for one in remove]
    scripts = {}
    for host in inventory.hosts:
        shown = [path for name, path in listed or () if name == host.name]
        if (host.name in only or not only) and (listed is None or shown):
            taken = bool(remove)
            scripts[host.name] = leftovers(host.base, inventory.cluster, host.name, remove=taken, shown=shown)
    return scripts


def read_leftovers(answers: Mapping[str, Fragment], needed: Collection[str] = ()) -> tuple[Leftover, ...]:
    """In the order of the hosts, the largest first. `needed`: names of environments that a rollback goes back to,
    beside those that a host says."""
    found = []
    lines = [line for said in answers.values() for line in said.stdout.splitlines()]
    kept = {*needed, *(line.removeprefix(_BACK) for line in lines if line.startswith(_BACK))}
    for host, said in answers.items():
        rows = [line.split("\t") for line in said.stdout.splitlines() if line.count("\t") == 2]
        mine = [Leftover(host, path, int(kib), why) for kib, path, why in rows if _NUMBER.fullmatch(kib)]
        mine = [one for one in mine if PurePosixPath(one.path).name not in kept]
        found += sorted(mine, key=lambda one: -one.kib)
    return tuple(found)
