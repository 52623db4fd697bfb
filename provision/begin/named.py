"""Hosts as something names them, before they are asked."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import field

from provision.begin.nodelist import names_of
from provision.core.errors import UsageError
from provision.core.regex import regex
from provision.core.values import dataclass
from provision.inventory.checks import is_host_name
from provision.inventory.ranges import RangeError

_PLACE = regex(r"(?:(?P<user>[^@\s]+)@)?(?P<host>[^@\s]+?)(?::(?P<port>[0-9]{1,5}))?\Z")

_NAME_HINT = "write `gpu-01`, `gpu-[01:04]`, or `ubuntu@10.0.0.1`"


@dataclass(frozen=True)
class Named:
    """One host. `address`: empty where that is the name. `ssh`: of an inventory's settings those that are said; for the
    others SSH's own count."""

    name: str
    address: str = ""
    ssh: Mapping[str, str] = field(default_factory=dict)
    sudo: bool = False
    head: bool = False


@dataclass(frozen=True)
class NamedHosts:
    """`origin`: where they are from, for a comment."""

    hosts: tuple[Named, ...]
    origin: str


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def places(text: str, where: str) -> list[Named]:
    """`[user@]host[:port]`, where host may be a range or a list. Raises UsageError."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if is_address(bare):
        return [Named(bare, address=bare)]
    match = _PLACE.match(text)
    if match is None:
        raise UsageError(f"{where}: `{text}` names no host", hint=_NAME_HINT)
    try:
        names = names_of(match["host"])
    except RangeError as error:
        raise UsageError(f"{where}: {error}", hint=error.hint) from None
    ssh = {key: said for key in ("user", "port") if (said := match[key])}
    if not 0 < int(ssh.get("port", 22)) < 2**16:
        raise UsageError(f"{where}: `{ssh['port']}` is no port", hint="write a number from 1 to 65535")
    for name in names:
        if not (is_host_name(name) or is_address(name)):
            raise UsageError(f"{where}: `{name}` is neither a host name nor an address", hint=_NAME_HINT)
    return [Named(name, address=name if is_address(name) else "", ssh=ssh) for name in names]


def once(hosts: list[Named]) -> tuple[Named, ...]:
    """Each once, as it is said first."""
    found: dict[str, Named] = {}
    for host in hosts:
        found.setdefault(host.name, host)
    return tuple(found.values())
