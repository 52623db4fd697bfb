"""Pure: which hosts `--limit` means."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from provision.core.errors import UsageError
from provision.inventory.models import Host, Inventory


def select(inventory: Inventory, patterns: Sequence[str], option: str = "--limit") -> tuple[str, ...]:
    """Names of the hosts that match any of `patterns`, in the inventory's order; none for no patterns.

    A pattern is a comma list of host names, groups or roles, in which `*`, `?` and `[…]` match as in a shell.
    Raises UsageError for a pattern that matches nothing: a typing error must not turn into "all is well".
    """
    wanted = [part.strip() for pattern in patterns for part in pattern.split(",") if part.strip()]
    if patterns and not wanted:
        raise UsageError(f"{option} names no host", hint=_known(inventory))
    chosen: set[str] = set()
    for pattern in wanted:
        found = {host.name for host in inventory.hosts if _matches(host, pattern)}
        if not found:
            raise UsageError(f"{option} `{pattern}` matches no host", hint=_known(inventory))
        chosen |= found
    return tuple(host.name for host in inventory.hosts if host.name in chosen)


def _matches(host: Host, pattern: str) -> bool:
    return any(fnmatchcase(name, pattern) for name in (host.name, host.role, *host.groups))


def _known(inventory: Inventory) -> str:
    groups = dict.fromkeys(group for host in inventory.hosts for group in host.groups)
    hosts = f"the hosts are {', '.join(host.name for host in inventory.hosts)}"
    return f"{hosts}\nthe groups are {', '.join(groups)}" if groups else hosts
