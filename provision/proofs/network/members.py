"""Who takes part in a network proof, and what of it was tried and failed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from functools import cached_property

from provision.core.values import dataclass
from provision.proofs.network.answers import HostPaths, Path, Silent
from provision.proofs.network.faults import Pair

#: Nobody listens there, for a reason that is known: that the host itself says so shows that it is reached.
_ANSWERED = ("refused", "silent", "cut", "taken")


@dataclass(frozen=True)
class Member:
    """One host. `ports`: those that others will connect to, each with what it is for. `python`: what runs its part;
    empty where there is none, and then it takes no part: others connect to it, and nobody listens."""

    name: str
    address: str
    ports: tuple[tuple[int, str], ...]
    interface: str = ""
    python: str = ""


@dataclass(frozen=True)
class NetworkResult:
    """`silent`: of which nothing is known although they were asked."""

    members: tuple[Member, ...]
    answers: Mapping[str, HostPaths] = field(hash=False)
    silent: Mapping[str, Silent] = field(hash=False)

    @cached_property
    def member(self) -> Mapping[str, Member]:
        return {m.name: m for m in self.members}

    @property
    def without_python(self) -> tuple[str, ...]:
        return tuple(m.name for m in self.members if not m.python)

    @cached_property
    def paths(self) -> Mapping[Pair, Path]:
        """All that was tried, in the members' order. How a host fares whose own part broke off is said once, by it."""
        return {
            (a.name, b.name): self.answers[a.name].to[b.name]
            for a in self.members
            for b in self.members
            if a is not b and a.name in self.answers and (b.name in self.answers or not b.python)
            if b.name in self.answers[a.name].to
        }

    @cached_property
    def tried(self) -> Mapping[Pair, tuple[int, ...]]:
        return {pair: tuple(port for port, _ in self.member[pair[1]].ports) for pair in self.paths}

    @cached_property
    def closed(self) -> Mapping[Pair, Mapping[int, tuple[str, str]]]:
        """What was not reached, and ought to have been."""
        found = {}
        for pair, path in self.paths.items():
            answer = self.answers.get(pair[1])
            found[pair] = {
                port: (verdict, detail)
                for port, (verdict, detail) in path.closed.items()
                if verdict != "other" and not (verdict in _ANSWERED and (answer is None or port in answer.taken))
            }
        return found

    def impostors(self) -> dict[str, str]:
        """Host → which other one answers at its address."""
        return {
            pair[1]: detail
            for pair, path in self.paths.items()
            for verdict, detail in path.closed.values()
            if verdict == "other"
        }
