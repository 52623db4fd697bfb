"""What a shell offers for a word that is begun: from the inventory that the command line names, contacting nothing.

A completion never fails: whatever is wrong with the inventory, nothing is offered then. Names that a shell would read
as something else are left out, since a shell puts them into the line as they are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from provision.cli.dashes import inventory_first
from provision.cli.find import find_inventory
from provision.core.regex import regex

if TYPE_CHECKING:
    from provision.inventory.hosts import Listed

Items = list["CompletionItem[str]"]
Completer = Callable[[click.Context, click.Parameter, str], Items]

#: Those that there can be (provision.operate.logs has them, and more that a shell would wait for).
SERVICES = ("ray", "vllm")

_SAFE = regex(r"[A-Za-z0-9_./@%+:-]+")
_SUFFIXES = (".yaml", ".yml", ".ini")


def inventories(ctx: click.Context, _: click.Parameter, incomplete: str) -> Items:
    """Files here that look like one; any file where none does."""
    names = _inventories_here()
    if ctx.command.name == "restart":
        names += SERVICES
    return _items(names, incomplete) or [CompletionItem(incomplete, type="file")]


def limits(ctx: click.Context, _: click.Parameter, incomplete: str) -> Items:
    """Hosts, groups and roles, the last of a list with commas."""
    before, comma, last = incomplete.rpartition(",")
    found = _hosts(ctx)
    names = [*(host.name for host in found), *(group for host in found for group in host.groups), "head", "worker"]
    return [CompletionItem(f"{before}{comma}{item.value}") for item in _items(names, last)] if found else []


def host(ctx: click.Context, _: click.Parameter, incomplete: str) -> Items:
    """`[INVENTORY] HOST`."""
    named, rest = inventory_first(tuple(ctx.params.get("words") or ()))
    if rest:
        return []
    first = [] if named else _inventories_here()
    return _or_file([*(found.name for found in _hosts(ctx)), *first], incomplete, first=not named)


def hosts_and_services(ctx: click.Context, _: click.Parameter, incomplete: str) -> Items:
    """`[INVENTORY] [HOST|SERVICE...]`."""
    named, rest = inventory_first(tuple(ctx.params.get("words") or ()))
    first = [] if named or rest else _inventories_here()
    found = [name for name in (*(found.name for found in _hosts(ctx)), *SERVICES) if name not in rest]
    return _or_file([*found, *first], incomplete, first=not (named or rest))


def services(_: click.Context, __: click.Parameter, incomplete: str) -> Items:
    return _items(SERVICES, incomplete)


def model(_: click.Context, __: click.Parameter, incomplete: str) -> Items:
    """What the usual inventory serves, or a folder."""
    try:
        from provision.inventory import load

        serve = load(find_inventory(None, os.environ), require_secrets=False, require_files=False).serve
        names = [serve.model] if serve else []
    except Exception:
        names = []
    return _items(names, incomplete) or [CompletionItem(incomplete, type="dir")]


def proofs(_: click.Context, __: click.Parameter, incomplete: str) -> Items:
    from provision.proofs.names import PROOFS

    return _items(PROOFS, incomplete)


def examples(_: click.Context, __: click.Parameter, incomplete: str) -> Items:
    from provision.cli.examples import names

    return _items(names(), incomplete)


def commands(_: click.Context, __: click.Parameter, incomplete: str) -> Items:
    from provision.cli.page import COMMANDS

    return _items(COMMANDS, incomplete)


def _hosts(ctx: click.Context) -> tuple[Listed, ...]:
    # Behind an option whose value is begun, click has left the arguments unread.
    named, _ = inventory_first(tuple(ctx.params.get("words") or ctx.args))
    try:
        from provision.inventory.reader import list_hosts

        return list_hosts(find_inventory(ctx.params.get("inventory") or named, os.environ))
    except Exception:
        return ()


def _inventories_here() -> list[str]:
    try:
        return sorted(path.name for path in Path().iterdir() if path.suffix in _SUFFIXES and path.is_file())
    except OSError:
        return []


def _or_file(names: Iterable[str], incomplete: str, *, first: bool) -> Items:
    return _items(names, incomplete) or ([CompletionItem(incomplete, type="file")] if first else [])


def _items(names: Iterable[str], incomplete: str) -> Items:
    return [CompletionItem(n) for n in dict.fromkeys(names) if n.startswith(incomplete) and _SAFE.fullmatch(n)]
