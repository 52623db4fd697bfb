"""From many connections that failed to the few faults that explain them. Pure.

A firewall on one host of fifty closes a port to the 49 others: that is one fault. So whatever fails is gathered by the
widest scope in which all of it fails: the whole cluster, parts of it, one host, and what is left by pairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field

from provision.core.values import dataclass

#: (from, to)
Pair = tuple[str, str]
#: If what is left falls into more groups of pairs than this, it is not so many faults, but one that is not understood.
MOST_GROUPS = 6


@dataclass(frozen=True)
class Scope:
    """`kind`: `all` pairs, `parts` (each reaches itself, and none of the others), `host` (to and from it), `to` it,
    `from` it, `pairs` that have an end in common, or `many` that have nothing in common. `host`: the one it is about.
    `parts`: of the cluster."""

    kind: str
    pairs: tuple[Pair, ...]
    host: str = ""
    parts: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Fault:
    """`ports`: those it is about, empty if it is about all of them. `seen`: (from, to, port) → (verdict, detail)."""

    scope: Scope
    ports: tuple[int, ...]
    seen: Mapping[tuple[str, str, int], tuple[str, str]] = field(hash=False)

    @property
    def verdicts(self) -> tuple[str, ...]:
        return tuple(sorted({verdict for verdict, _ in self.seen.values()}))


def faults(closed: Mapping[Pair, Mapping[int, tuple[str, str]]], ports: Mapping[Pair, Iterable[int]]) -> list[Fault]:
    """`closed`: what failed; `ports`: what was tried. First the pairs where nothing passes, then port by port."""
    every = {pair: set(tried) for pair, tried in ports.items()}
    cut = {pair for pair, tried in every.items() if tried and tried == set(closed.get(pair, ()))}
    found = []
    for scope in scopes(cut, every):
        seen = {(a, b, port): what for a, b in scope.pairs for port, what in closed[a, b].items()}
        found.append(Fault(scope, (), seen))
    left = {pair: tried for pair, tried in every.items() if pair not in cut}
    by_scope: dict[Scope, list[int]] = {}
    for port in sorted({port for pair in left for port in closed.get(pair, ())}):
        failing = {pair for pair in left if port in closed.get(pair, ())}
        for scope in scopes(failing, [pair for pair, tried in left.items() if port in tried]):
            by_scope.setdefault(scope, []).append(port)
    for scope, alike in by_scope.items():
        seen = {(a, b, port): closed[a, b][port] for a, b in scope.pairs for port in alike}
        found.append(Fault(scope, tuple(alike), seen))
    return found


def scopes(failing: Iterable[Pair], universe: Iterable[Pair]) -> list[Scope]:
    """The fewest that explain `failing`, of all pairs in `universe`. Two hosts are a pair, and not a cluster."""
    every = dict.fromkeys(universe)
    order = list(dict.fromkeys(name for pair in every for name in pair))
    failed = set(failing)
    left = [pair for pair in every if pair in failed]
    if not left:
        return []
    if len(order) > 2 and len({b for _, b in every}) > 1 and len(left) == len(every):
        return [Scope("all", tuple(left))]
    found: list[Scope] = []

    def take(scope: Scope) -> None:
        found.append(scope)
        explained = set(scope.pairs)
        left[:] = [pair for pair in left if pair not in explained]

    if parts := _parts(order, left, every):
        where = {name: part for part in parts for name in part}
        take(Scope("parts", tuple(p for p in left if where[p[0]] is not where[p[1]]), parts=parts))
    for scope in sorted(_of_hosts(order, left, every), key=lambda scope: -len(scope.pairs)):
        # What another scope explains already does not speak for this one, unless it is both ends' own fault.
        if len(set(left).intersection(scope.pairs)) > 1:
            take(scope)
    rest = tuple(left)
    groups = []
    while left:
        groups.append(_alike(left))
        left[:] = [pair for pair in left if pair not in groups[-1]]
    if len(groups) > MOST_GROUPS:
        return [*found, Scope("many", rest)]
    return [*found, *(Scope("pairs", group) for group in groups)]


def _of_hosts(order: Iterable[str], failing: Iterable[Pair], every: Iterable[Pair]) -> Iterable[Scope]:
    failed = set(failing)
    for name in order:
        into = [pair for pair in every if pair[1] == name]
        out = [pair for pair in every if pair[0] == name]
        fails_in, fails_out = failed.issuperset(into), failed.issuperset(out)
        if into and out and fails_in and fails_out and len({*into, *out}) > 2:
            yield Scope("host", (*into, *out), name)
        elif fails_in and len(into) > 1:
            yield Scope("to", tuple(into), name)
        elif fails_out and len(out) > 1:
            yield Scope("from", tuple(out), name)


def _parts(order: Iterable[str], failing: Iterable[Pair], every: Iterable[Pair]) -> tuple[tuple[str, ...], ...]:
    """The parts that the cluster falls into, if there are several of more than one host, with nothing between them."""
    failed = set(failing)
    part = {name: {name} for name in order}
    for a, b in every:
        if (a, b) not in failed and part[a] is not part[b]:
            joined = part[a] | part[b]
            part |= dict.fromkeys(joined, joined)
    parts = list({id(members): members for members in part.values()}.values())
    if sum(len(members) > 1 for members in parts) < 2:
        return ()
    return tuple(tuple(name for name in order if name in members) for members in parts)


def _alike(left: list[Pair]) -> tuple[Pair, ...]:
    """The first pair with those that are the same fault: the way back, else all to the same host, else all from it."""
    a, b = left[0]
    if (b, a) in left:
        return ((a, b), (b, a))
    to, out = tuple(p for p in left if p[1] == b), tuple(p for p in left if p[0] == a)
    return max(to, out, key=len)
