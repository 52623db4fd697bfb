"""Interfaces, routes and listening sockets, from `ip` where a host has it, otherwise from /proc/net."""

from __future__ import annotations

import ipaddress
import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from provision.core.regex import regex
from provision.core.values import dataclass
from provision.facts.model import Interface, Listener

_LINK = regex(r"\d+: ([^:@ ]+)(?:@[^:]*)?: <([A-Z0-9_,-]*)>.*?\bmtu (\d{1,9})\b", re.ASCII)
_ADDRESS = regex(r"\d+: (\S+)\s+inet6? ([0-9a-fA-F.:]+)(?:/(\d{1,3}))?", re.ASCII)
_LISTENS = regex(r"LISTEN\s+\d+\s+\d+\s+(\S{1,80})\s|\s*\d+: ([0-9A-F]+:[0-9A-F]+) \S+ 0A ", re.ASCII)
_UP, _LOOPBACK = 0x1, 0x8


@dataclass(frozen=True, slots=True)
class _Route:
    interface: str
    network: ipaddress.IPv4Network


def read_interfaces(
    links: Sequence[str],
    addresses: Sequence[str],
    addresses6: Sequence[str],
    speeds: Sequence[str],
    routes: Sequence[str],
) -> tuple[Interface, ...]:
    """In the host's order. `routes`: /proc/net/route, needed only where there is no `ip`."""
    found = _links(links)
    owned = list(_ip_addresses(addresses)) or [*_trie_addresses(addresses, routes), *_proc6(addresses6)]
    for name, address, prefix in sorted(owned, key=lambda entry: ":" in entry[1]):
        old = found.get(name)
        if old is not None and address not in old.addresses:
            found[name] = replace(
                old,
                addresses=(*old.addresses, address),
                prefix=old.prefix or prefix,
                prefixes=(*old.prefixes, prefix),
            )
    for line in speeds:
        name, _, rest = line.partition(" ")
        if name in found:
            said = dict(part.partition("=")[::2] for part in rest.split(" "))
            found[name] = _with_sysfs(found[name], said)
    return tuple(found.values())


def read_route(head: str, route: Sequence[str], interfaces: Sequence[Interface]) -> tuple[str | None, str | None]:
    """(source address, interface) towards `head`, from `ip route get` or from /proc/net/route."""
    line = route[0] if route else ""
    source, device = re.search(r"\bsrc (\S+)", line), re.search(r"\bdev (\S+)", line)
    if source:
        name = device[1] if device else None
        # A host that reaches itself does so over lo; the interface that has the address is meant.
        own = next((i.name for i in interfaces if source[1] in i.addresses), name)
        return source[1], own
    for interface in interfaces:
        if head in interface.addresses:
            return head, interface.name
    try:
        target = ipaddress.IPv4Address(head)
    except ValueError:
        return None, None
    fits = [r for r in _proc_routes(route) if target in r.network]
    if not fits:
        return None, None
    name = max(fits, key=lambda r: r.network.prefixlen).interface
    addresses = next((i.addresses for i in interfaces if i.name == name), ())
    return (addresses[0] if addresses else None), name


def read_listening(lines: Iterable[str]) -> tuple[Listener, ...]:
    """Rows of ss, or those of /proc/net/tcp and tcp6 in state 0A; sorted, each address and port once."""
    rows = (match for line in lines if (match := _LISTENS.match(line)))
    found = {listener for row in rows if (listener := read_listener(row[1] or row[2]))}
    return tuple(sorted(found, key=lambda entry: (entry.port, entry.address)))


@lru_cache(maxsize=1024)  # hosts have most of theirs in common
def read_listener(place: str) -> Listener | None:
    """As /proc/net/tcp has it (`0100007F:1F90`), or ss (`127.0.0.1:8080`, `*:22`, `[::1]:22`, `127.0.0.53%lo:53`); None
    for what is none."""
    address, _, port = place.rpartition(":")
    if re.fullmatch("[0-9A-F]{8}|[0-9A-F]{32}", address, re.ASCII):
        return Listener(_hex_address(address), int(port, 16)) if re.fullmatch("[0-9A-F]{4}", port, re.ASCII) else None
    try:
        found = ipaddress.ip_address("::" if address == "*" else address.partition("%")[0].strip("[]"))
    except ValueError:
        return None
    return Listener(_plain(found), int(port)) if re.fullmatch(r"\d{1,5}", port, re.ASCII) else None


def read_addresses(lines: Iterable[str]) -> tuple[str, ...]:
    """What `getent ahosts` has for a name, each address once, in its order."""
    found: dict[str, None] = {}
    for line in lines:
        text = line.partition(" ")[0].partition("%")[0]
        try:
            found[str(ipaddress.ip_address(text))] = None
        except ValueError:
            continue
    return tuple(found)


def _links(lines: Sequence[str]) -> dict[str, Interface]:
    found = {}
    for line in lines:
        match = _LINK.match(line)
        if match:
            flags = match[2].split(",")
            up = "UP" in flags and "LOWER_UP" in flags
            found[match[1]] = Interface(match[1], mtu=int(match[3]), up=up, loopback="LOOPBACK" in flags)
        elif re.match(r"\s*[^\s:]+:\s*\d+\s+\d+\s", line, re.ASCII):  # /proc/net/dev
            name = line.partition(":")[0].strip()
            found[name] = Interface(name, loopback=name == "lo")
    return found


def _ip_addresses(lines: Iterable[str]) -> Iterable[tuple[str, str, int]]:
    for line in lines:
        match = _ADDRESS.match(line)
        if match:
            yield match[1], match[2], int(match[3] or 32)


def _trie_addresses(lines: Sequence[str], routes: Sequence[str]) -> Iterable[tuple[str, str, int]]:
    """/proc/net/fib_trie knows the host's own addresses but not their interfaces: the route that covers one
    names it."""
    covering = _proc_routes(routes)
    for above, line in itertools.pairwise(lines):
        leaf = re.fullmatch(r"\s*\|-- ([0-9.]{7,15})\s*", above, re.ASCII)
        if leaf is None or "/32 host LOCAL" not in line:
            continue
        try:
            address = ipaddress.IPv4Address(leaf[1])
        except ValueError:
            continue
        if address.is_loopback:
            yield "lo", str(address), 8
            continue
        fits = [r for r in covering if address in r.network and r.network.prefixlen]
        if fits:
            best = max(fits, key=lambda r: r.network.prefixlen)
            yield best.interface, str(address), best.network.prefixlen


def _proc6(lines: Iterable[str]) -> Iterable[tuple[str, str, int]]:
    for line in lines:
        match = re.fullmatch(r"([0-9a-f]{32}) \S+ ([0-9a-f]{2}) \S+ \S+\s+(\S+)\s*", line, re.ASCII)
        if match:
            yield match[3], str(ipaddress.IPv6Address(int(match[1], 16))), int(match[2], 16)


def _proc_routes(lines: Iterable[str]) -> list[_Route]:
    found = []
    for line in lines:
        cells = line.split()
        if len(cells) < 8 or not all(re.fullmatch("[0-9A-F]{8}", cells[i], re.ASCII) for i in (1, 7)):
            continue
        try:
            network = ipaddress.IPv4Network((_hex_address(cells[1]), _hex_address(cells[7])), strict=False)
        except ValueError:
            continue
        found.append(_Route(cells[0], network))
    return found


@lru_cache(maxsize=1024)  # hosts have most of theirs in common
def _hex_address(text: str) -> str:
    """The kernel prints addresses as 32-bit words in the machine's byte order: little-endian on x86 and ARM."""
    raw = b"".join(bytes.fromhex(text[i : i + 8])[::-1] for i in range(0, len(text), 8))
    return _plain(ipaddress.ip_address(raw))


def _plain(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _with_sysfs(interface: Interface, said: dict[str, str]) -> Interface:
    speed, mtu, flags = said.get("speed", ""), said.get("mtu", ""), said.get("flags", "")
    if kind := said.get("kind"):
        interface = replace(interface, kind=kind)
    if re.fullmatch(r"[1-9]\d{0,8}", speed, re.ASCII):
        interface = replace(interface, speed_mbit=int(speed))
    if not interface.mtu and re.fullmatch(r"\d{1,9}", mtu, re.ASCII):
        interface = replace(interface, mtu=int(mtu))
        bits = int(flags, 16) if re.fullmatch(r"0x[0-9a-fA-F]{1,8}", flags) else 0
        up = bool(bits & _UP) and said.get("state") in ("up", "unknown")
        interface = replace(interface, up=up, loopback=bool(bits & _LOOPBACK))
    return interface
