"""What is closed, as a table of nftables of this cluster's own. Pure.

Only the first packet of a connection is looked at, by its flags: that needs no tracking of connections, whose table
overflows on busy hosts, and leaves alone what the host itself has connected to, from whichever port. A connection that
was open before stays open. A `drop` is final, while an `accept` only ends this table: what another one drops stays
dropped, and what others accept is dropped here all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from provision.cluster.closing import Closing, Ports
from provision.cluster.networks import ip

#: Begins the lines that say what a table is made from: `#= <aspect>=<value>`.
NOTE = "#= "


def table_of(closing: Closing) -> str:
    """To be loaded with `nft -f`, in one step, again and again. The sets `left`, `others` and `controller` are for what
    only the host knows: what else listens there, whom other clusters have, and from where it is being set up."""
    lines = [
        f"# What hosts outside the cluster `{closing.cluster}` do not reach here; all else is as it was.",
        "# Made by provision: `provision firewall` says what it is, and with --remove takes it away.",
        *(f"{NOTE}{aspect}={value}" for aspect, value in aspects(closing).items()),
        f"table inet {closing.table}",
        f"delete table inet {closing.table}",
        f"table inet {closing.table} {{",
        *(f"    {line}" for line in _body(closing)),
        "}",
    ]
    return "".join(f"{line}\n" for line in lines)


def mark(cluster: str) -> str:
    """The comment by which a table is known as ours."""
    return f"provision {cluster}"


def aspects(closing: Closing) -> dict[str, str]:
    """What a table is made from, in words."""
    found = {"closes": " ".join(map(str, (*closing.pinned, *closing.shared)))}
    if closing.api:
        found["API"] = f"port {closing.api} from {' '.join(closing.api_from) or 'anywhere'}"
    if closing.leave:
        found["leaves"] = " ".join(map(str, closing.leave))
    return found | {f"addresses of {name}": " ".join(own) or "none" for name, own in closing.nodes.items()}


def _body(closing: Closing) -> Iterator[str]:
    nodes = [address for own in closing.nodes.values() for address in own]
    yield from _sets("nodes", nodes)
    yield from _sets("others", ())
    if closing.api_from:
        yield from _sets("controller", ())
        yield from _sets("users", closing.api_from, interval=True)
    yield f"set left {{ type inet_service; {_elements(closing.leave)}}}"
    yield "chain strangers {"
    for line in _rules(closing):
        yield f"    {line}"
    yield "}"


def _rules(closing: Closing) -> Iterator[str]:
    yield "type filter hook input priority filter - 10; policy accept;"
    yield f'iifname "lo" accept comment "{mark(closing.cluster)}"'
    yield "meta l4proto != tcp accept"
    yield "tcp flags & (syn | ack) != syn accept"
    yield "ip saddr @nodes4 accept"
    yield "ip6 saddr @nodes6 accept"
    yield "tcp dport @left accept"
    if closing.api and closing.api_from:
        for name in ("users", "controller"):
            yield f"ip saddr @{name}4 tcp dport {closing.api} accept"
            yield f"ip6 saddr @{name}6 tcp dport {closing.api} accept"
        yield f'tcp dport {closing.api} counter drop comment "the API"'
    elif closing.api:
        yield f"tcp dport {closing.api} accept"
    if closing.pinned or closing.workers:
        yield f'tcp dport {_ports((*closing.pinned, *closing.workers))} counter drop comment "ports of the cluster"'
    yield "ip saddr @others4 accept"
    yield "ip6 saddr @others6 accept"
    if closing.ephemeral:
        yield f'tcp dport {_ports(closing.ephemeral)} counter drop comment "what ranks listen on"'


def _sets(name: str, addresses: Iterable[str], *, interval: bool = False) -> Iterator[str]:
    """One for each family."""
    every = [*dict.fromkeys(addresses)]
    flags = "flags interval; auto-merge; " if interval else ""
    for digit, kind, colon in (("4", "ipv4_addr", False), ("6", "ipv6_addr", True)):
        own = [address for address in every if (":" in address) is colon]
        yield f"set {name}{digit} {{ type {kind}; {flags}{_elements(own)}}}"


def _elements(values: Sequence[object]) -> str:
    return f"elements = {{ {', '.join(map(str, values))} }}; " if values else ""


def _ports(ports: Iterable[Ports]) -> str:
    """Each port once, and ranges that meet as one: what overlaps is a mistake to older releases of nft."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted((p.first, p.last) for p in ports):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    shown = [str(first) if first == last else f"{first}-{last}" for first, last in merged]
    return f"{{ {', '.join(shown)} }}"


def with_unasked(closing: Closing, have: Mapping[str, str]) -> Closing:
    """`have`: what a table on the host was made from. Of hosts that were not asked, it may know more than the
    inventory."""
    known = {
        name: tuple(a for a in have.get(f"addresses of {name}", "").split() if ip(a) is not None) or own
        if name in closing.unasked
        else own
        for name, own in closing.nodes.items()
    }
    return replace(closing, nodes=known)
