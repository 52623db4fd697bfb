"""Ports that a service is about to bind are free, or are its own already.

Never fixed from here: whose process it is that listens there, only a person can say. A mismatch blocks `up`
before any host is changed.
"""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from provision.core.mark import Mark
from provision.core.regex import regex
from provision.core.resource import Difference, Resource, State
from provision.core.script import Script
from provision.core.values import dataclass
from provision.payload.bundle import shell
from provision.resources.ports_held import held_by
from provision.resources.service import Place

#: What service/ports.sh says of a port that one of our services has, of another cluster or under another name.
_OF_PROVISION = regex(r"taken by (\S+), of provision\Z")

#: Of a port for which the inventory has no key.
_FIXED = "since this port cannot be another one"


@dataclass(frozen=True)
class PortsFree(Resource):
    """`ports`, each with what it is for, at `address`. Not judged while the service at `place` is running. `of`: tells
    two of one service apart. `scratch`: the folder that the service fills, by which what is left of it is known.
    `going`: how marks begin whose processes are ended before the service starts. `keys`: port → the inventory's key
    that moves it, of all ports of the cluster on this host; one that is not there cannot be moved."""

    fixable: ClassVar[bool] = False
    removable: ClassVar[bool | str] = False
    area: ClassVar[str] = "network"
    why: ClassVar[str] = "the service that needs the port could not start"

    place: Place
    address: str
    ports: tuple[tuple[int, str], ...]
    of: str = ""
    scratch: str = ""
    going: tuple[str, ...] = ()
    keys: tuple[tuple[int, str], ...] = ()

    @property
    def id(self) -> str:
        return f"ports:{self.place.owner_mark.rsplit('/', 1)[-1]}{f':{self.of}' if self.of else ''}"

    @property
    def label(self) -> str:
        return "ports"

    def fact(self, aspect: str) -> str:
        return aspect or self.label

    def want(self) -> State:
        return {_aspect(port, use): "free" for port, use in self.ports}

    def probe(self) -> Script:
        wanted = "\n".join(f"{port} {use}" for port, use in self.ports)
        variables = {
            "scratch": self.scratch,
            "going": " ".join(self.going),
            "address": self.address,
            "entries": wanted,
        }
        return Script(shell("container/whose.sh", "service/ports.sh"), variables, before=self.place.look())

    def fix(self, have: State, want: State) -> Script:
        raise AssertionError("never fixed: a mismatch blocks the plan")

    def diff(self, have: State, want: State) -> tuple[Difference, ...]:
        """What another cluster of ours has, or a container, is one cause, however many ports that are."""
        each = [(d, _mark(d.found or ""), held_by(d.found or "")) for d in super().diff(have, want)]
        clusters = Counter(mark.cluster for _, mark, _ in each if mark)
        containers = Counter(held[1] for _, _, held in each if held)
        found: dict[object, Difference] = {}
        for d, mark, held in each:
            if mark and clusters[mark.cluster] > 1:
                taken = f"taken by the cluster {mark.cluster}, of provision"
                # Without this host's name there: it is one cause of all hosts, whatever they are called.
                hint = f"`provision down INVENTORY` with that of the cluster `{mark.cluster}` stops it; {self._move()}"
                found[mark.cluster] = Difference("", d.expected, taken, hint, _cause(mark))
            elif held and containers[held[1]] > 1:
                said = f"{containers[held[1]]} of them {'perhaps ' if held[1].perhaps else ''}taken by {held[1]}"
                found[held[1]] = Difference("", d.expected, said, held[1].hint(self._host, self._move()), str(held[1]))
            elif held:
                hint, cause = held[1].hint(self._host, self._move(d.aspect)), str(held[1])
                found[d.aspect] = Difference(d.aspect, d.expected, held[0], hint, cause)
            else:
                hint = _hint(mark, self._move(d.aspect))
                found[d.aspect] = Difference(d.aspect, d.expected, d.found, hint, _cause(mark))
        return tuple(found.values())

    def _move(self, aspect: str = "") -> str:
        """The way out that needs nobody else: the key of one port, or those of all that the cluster has here."""
        if not aspect:
            keys = dict.fromkeys(key for _, key in self.keys)
            return f"or give this cluster other ports: {', '.join(f'`{key}`' for key in keys)}" if keys else _FIXED
        port = next((port for port, use in self.ports if aspect == _aspect(port, use)), 0)
        key = dict(self.keys).get(port)
        return f"or set another `{key}` in the inventory" if key else _FIXED

    @property
    def _host(self) -> str:
        return self.place.owner_mark.split("/")[1]


def _mark(found: str) -> Mark | None:
    holder = _OF_PROVISION.match(found)
    return Mark.parse(holder[1]) if holder else None


def _cause(mark: Mark | None) -> str:
    return f"the cluster {mark.cluster} as {mark.host}" if mark is not None else ""


def _aspect(port: int, use: str) -> str:
    return f"port {port} ({use})"


def _hint(mark: Mark | None, move: str) -> str:
    if mark is None:
        return f"stop what listens there, {move}"
    down = f"`provision down INVENTORY` with that of the cluster `{mark.cluster}`, where this host is `{mark.host}`"
    return f"{down}, stops it; {move}"
