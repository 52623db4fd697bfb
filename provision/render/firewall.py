"""A firewall's rules, for nftables, iptables and ufw: text that can be given to them as it is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from provision.cluster.nftables import table_of
from provision.render.encode import Json

if TYPE_CHECKING:
    from provision.cluster.closing import Closing
    from provision.cluster.firewall import Firewall, Rule


def nftables_lines(firewall: Firewall) -> list[str]:
    """The table that `--apply` sets. Loading it again replaces it, in one step."""
    table = table_of(firewall.closed).splitlines()
    return [
        *_head(firewall, "sudo nft -f"),
        "# It drops what comes from other hosts to the cluster's ports, and nothing else; `provision firewall --apply`",
        "# does this on every host, and leaves open what other programs there listen on. A firewall that drops what it",
        "# does not know must let in, in its own chain, since no other table can lift what it drops:",
        *(f"#   {line}" for rule in firewall.rules for line in _nft(rule)),
        *(line for line in table if not line.startswith("#")),
    ]


def _nft(rule: Rule) -> Iterator[str]:
    """A line; two where addresses of both families are meant."""
    yield f"# {rule.why}"
    what = f"{rule.protocol} dport {_list(rule.ports)} accept" if rule.ports else f"meta l4proto {rule.protocol} accept"
    if not rule.sources and not rule.to:
        yield what
        return
    for family, colon in (("ip", False), ("ip6", True)):
        sources, to = ([a for a in some if (":" in a) is colon] for some in (rule.sources, rule.to))
        words = [f"{family} saddr {_list(sources)}"] if sources else []
        words += [f"{family} daddr {_list(to)}"] if to else []
        if words:
            yield " ".join([*words, what])


def _list(values: Sequence[object]) -> str:
    return str(values[0]) if len(values) == 1 else f"{{ {', '.join(map(str, values))} }}"


#: Of a chain's name, in characters (XT_EXTENSION_MAXNAMELEN, without the final NUL).
_LONGEST = 28


def iptables_lines(firewall: Firewall) -> list[str]:
    """The same for hosts without nft, as commands for a shell. Run again they replace what they made."""
    closed = firewall.closed
    chain = f"provision-{closed.cluster}"
    if len(chain) > _LONGEST:
        chain = f"provision-{hashlib.sha256(closed.cluster.encode()).hexdigest()[:16]}"
    lines = [
        *_head(firewall, "sudo sh"),
        "# It drops what comes from other hosts to the cluster's ports, and nothing else. What others listen on",
        "# in the last ranges is closed, too: for those, put a line with `-j RETURN` before the ones with `-j DROP`.",
    ]
    for program, colon in (("iptables", False), ("ip6tables", True)):
        lines += [f"{program} -N {chain} 2>/dev/null || {program} -F {chain}"]
        lines += [f"{program} -A {chain} {rule}" for rule in _iptables(closed, colon)]
        jump = f"INPUT -p tcp --syn -j {chain}"
        lines += [f"{program} -C {jump} 2>/dev/null || {program} -I {jump}"]
    return lines


def _iptables(closed: Closing, colon: bool) -> Iterator[str]:
    yield "-i lo -j RETURN"
    nodes = dict.fromkeys(a for own in closed.nodes.values() for a in own if (":" in a) is colon)
    yield from (f"-s {address} -j RETURN" for address in nodes)
    yield from (f"-p tcp --dport {port} -j RETURN" for port in closed.leave)
    if closed.api and closed.api_from:
        users = [network for network in closed.api_from if (":" in network) is colon]
        yield from (f"-s {network} -p tcp --dport {closed.api} -j RETURN" for network in users)
        yield f"-p tcp --dport {closed.api} -j DROP"
    elif closed.api:
        yield f"-p tcp --dport {closed.api} -j RETURN"
    for first, last in dict.fromkeys((p.first, p.last) for p in (*closed.pinned, *closed.shared)):
        yield f"-p tcp --dport {first}{f':{last}' if last != first else ''} -j DROP"


def ufw_lines(firewall: Firewall) -> list[str]:
    """Commands for a shell. Those that are there already are passed over."""
    rules = [line for rule in firewall.rules for line in _ufw(rule)]
    return [
        *_head(firewall, "sudo sh"),
        "# ufw drops what no rule lets in, once it is on: `ufw enable`.",
        *rules,
    ]


def _ufw(rule: Rule) -> Iterator[str]:
    yield f"# {rule.why}"
    ports = f" port {','.join(map(str, rule.ports))}" if rule.ports else ""
    for source in rule.sources or ("any",):
        for to in rule.to or ("any",):
            yield f"ufw allow proto {rule.protocol} from {source} to {to}{ports}"


def _head(firewall: Firewall, command: str) -> list[str]:
    nodes = ", ".join(f"{name} {address}" for name, address in firewall.nodes.items())
    return [
        f"# What the cluster `{firewall.cluster}` needs, the same on every host: {command} FILE",
        f"# nodes: {nodes}",
        *(f"# {note}" for note in firewall.notes),
    ]


FORMATS = {"nftables": nftables_lines, "iptables": iptables_lines, "ufw": ufw_lines}


def firewall_json(firewall: Firewall) -> dict[str, Json]:
    rules: list[Json] = [
        {
            "protocol": rule.protocol,
            "ports": list(rule.ports),
            "sources": list(rule.sources),
            "to": list(rule.to),
            "why": rule.why,
        }
        for rule in firewall.rules
    ]
    return {
        "cluster": firewall.cluster,
        "nodes": dict(firewall.nodes),
        "rules": rules,
        "closed": _closed_json(firewall.closed),
        "notes": list(firewall.notes),
    }


def _closed_json(closed: Closing) -> dict[str, Json]:
    every = ((p, kind) for kind, ports in (("pinned", closed.pinned), ("shared", closed.shared)) for p in ports)
    return {
        "table": closed.table,
        "ports": [{"first": p.first, "last": p.last, "kind": kind, "what": p.what} for p, kind in every],
        "addresses": {name: list(own) for name, own in closed.nodes.items()},
        "api": closed.api,
        "api_from": list(closed.api_from),
        "leave": list(closed.leave),
    }
