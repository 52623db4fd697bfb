"""A firewall's rules, for nftables and for ufw: text that can be given to them as it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from provision.render.encode import Json

if TYPE_CHECKING:
    from provision.cluster.firewall import Firewall, Rule


def nftables_lines(firewall: Firewall) -> list[str]:
    """A table of its own that drops the rest. Loading it again replaces it, in one step."""
    rules = [line for rule in firewall.rules for line in _nft(rule)]
    return [
        *_head(firewall, "sudo nft -f"),
        "# It drops what no line lets in. Where a host has a firewall already, put the lines with `accept` into its",
        "# input chain instead: what one table drops stays dropped, whatever another accepts.",
        "table inet provision",
        "delete table inet provision",
        "table inet provision {",
        "    chain input {",
        "        type filter hook input priority filter; policy drop;",
        '        iif "lo" accept',
        "        ct state established,related accept",
        "        meta l4proto { icmp, ipv6-icmp } accept",
        *(f"        {line}" for line in rules),
        "    }",
        "}",
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


FORMATS = {"nftables": nftables_lines, "ufw": ufw_lines}


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
    return {"cluster": firewall.cluster, "nodes": dict(firewall.nodes), "rules": rules, "notes": list(firewall.notes)}
