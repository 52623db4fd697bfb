"""The hosts against each other: where nothing is pinned the majority is the reference, and the odd one out is named.

Architectures are not compared: each is checked against the lock (stack/ray.py).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping

from provision.checks.facts_table import NONE, ROWS, FactRow
from provision.checks.inhibition import explained
from provision.checks.peer_table import ALIKE, Alike
from provision.cluster.cluster import Cluster, Node
from provision.core.errors import LockError
from provision.core.finding import Against, Finding
from provision.core.majority import majority, preferred
from provision.core.values import dataclass
from provision.core.wording import typed
from provision.environment.wheels import misfit
from provision.weights.source import source_of

#: Faults with which nvidia-smi hides nothing: none, or there is no nvidia-smi at all.
NO_FAULT = (None, "missing")

#: Of two amounts, as much of the larger one as will do: machines of one kind differ by what firmware keeps.
ENOUGH = 0.9

#: Hosts that are named of all that have the same; a rack is too many for a line.
NAMED = 3

#: Cells as nvidia-smi takes them.
_VALUES = {"on": "1", "off": "0", "Default": "DEFAULT", "Exclusive_Process": "EXCLUSIVE_PROCESS"}

_ROW_OF: Mapping[str, FactRow] = {row.fact: row for row in ROWS}


@dataclass(frozen=True)
class Seen:
    """What is compared of a host, and how it is shown. `interface`: that of its address, for a hint about it."""

    value: str | float
    cell: str
    interface: str = ""

    @property
    def has_some(self) -> bool:
        return self.cell not in (NONE, "0")


def against_peers(cluster: Cluster, said: Container[tuple[str, str]] = ()) -> Iterable[Finding]:
    """`said`: (host, fact) of what is reported already. Such a host is neither named for this fact, or for one that
    follows from it, nor is it an example for others."""
    found: set[tuple[str, str]] = set()
    serve = cluster.inventory.serve
    for fact, alike in ALIKE.items():
        if fact == "model folder" and serve is not None and source_of(serve) in ("hub", "controller"):
            continue  # while it is coming, one host has more of it than another
        free = [n for n in cluster.nodes if not (explained(n.name, fact, said) or explained(n.name, fact, found))]
        for group in _groups(_ROW_OF[fact], alike, free):
            odd = list(_odd_ones(_ROW_OF[fact], alike, group, cluster.head.name))
            found |= {(finding.host, finding.fact) for finding in odd}
            yield from odd


def _groups(row: FactRow, alike: Alike, nodes: Iterable[Node]) -> Iterable[dict[str, Seen]]:
    """The hosts that have to be alike: they tell this fact, are equal in what it depends on, and the inventory
    expects the same of them."""
    groups: dict[tuple[object, ...], dict[str, Seen]] = {}
    of_gpus = row.area == "gpus" or "GPU model" in alike.among
    for node in nodes:
        facts = node.facts
        if facts is None or (of_gpus and facts.gpu_fault not in NO_FAULT):
            continue
        value = row.value(node, facts)
        if value:
            expected = getattr(node.host.expect, alike.pinned) if alike.pinned else None
            key = (expected, *(_ROW_OF[fact].read(node, facts) for fact in alike.among))
            groups.setdefault(key, {})[node.name] = Seen(value, row.read(node, facts) or NONE, node.interface)
    return groups.values()


def _odd_ones(row: FactRow, alike: Alike, seen: Mapping[str, Seen], head: str) -> Iterator[Finding]:
    values = {name: entry.value for name, entry in seen.items()}
    if len(set(values.values())) < 2:
        return
    # Of two halves, the one without GPUs (or ports) lacks something; the other has nothing too many.
    most = majority(values, _same)
    examples = [name for name in most.hosts if seen[name].has_some] or most.hosts
    example = preferred(examples, head)
    expected = seen[example]
    evidence = _evidence(seen)
    for name, entry in seen.items():
        if _will_do(entry.value, expected.value):
            continue
        words = {
            "host": name,
            "expected": expected.cell,
            "found": entry.cell,
            "example": example,
            "interface": entry.interface,
            "value": _VALUES.get(expected.cell, expected.cell.removesuffix(" W")),
        }
        whose = "most hosts have" if most.size * 2 > len(seen) else f"{example} has"
        if most.size == len(seen) - 1 > 1:
            whose = ""
        yield Finding(
            name,
            row.area,
            row.fact,
            alike.severity,
            found=entry.cell,
            expected=expected.cell,
            against=Against.PEERS,
            why=alike.why,
            hint=typed(alike.hint, words),
            evidence=evidence,
            said=whose and f"{row.fact} is `{entry.cell}`, {whose} `{expected.cell}`",
        )


def _same(one: str | float, other: str | float) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return min(one, other) >= ENOUGH * max(one, other)


def _will_do(value: str | float, expected: str | float) -> bool:
    if isinstance(value, str) or isinstance(expected, str):
        return value == expected
    return value >= ENOUGH * expected


def _evidence(seen: Mapping[str, Seen]) -> tuple[str, ...]:
    """Who has what, the most frequent first: `590.48.01` on 7 of 8 hosts."""
    hosts: dict[str, list[str]] = {}
    for name, entry in seen.items():
        hosts.setdefault(entry.cell, []).append(name)
    lines = []
    for cell, names in sorted(hosts.items(), key=lambda item: -len(item[1])):
        where = ", ".join(names) if len(names) <= NAMED else f"{len(names)} of {len(seen)} hosts"
        lines.append(f"`{cell}` on {where}")
    return tuple(lines[:5])


def said_elsewhere(cluster: Cluster) -> set[tuple[str, str]]:
    """(host, fact) that are reported elsewhere where they are wrong, so that no check says them again, nor what follows
    from them: hosts that the environment is not locked for (stack/ray.py)."""
    platform = cluster.inventory.python.platform
    told = [(node.name, node.facts) for node in cluster.nodes if node.facts is not None]
    try:
        return {(name, unfit) for name, facts in told if (unfit := misfit(platform, facts.arch, facts.glibc))}
    except LockError:
        return set()
