"""Who takes part in a network proof, and what of it was tried and failed. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from provision.proofs.network_answers import Answer, Path, Silent
from provision.proofs.network_faults import Pair

#: Nobody listens there, for a reason that is known: that the host itself says so shows that it is reached.
_ANSWERED = ("refused", "silent", "cut")


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
class Result:
    """`silent`: of which nothing is known although they were asked."""

    members: tuple[Member, ...]
    answers: Mapping[str, Answer] = field(hash=False)
    silent: Mapping[str, Silent] = field(hash=False)

    def member(self, name: str) -> Member:
        return next(m for m in self.members if m.name == name)

    @property
    def without_python(self) -> tuple[str, ...]:
        return tuple(m.name for m in self.members if not m.python)

    def paths(self) -> Iterator[tuple[Pair, Path]]:
        """All that was tried, in the members' order. How a host fares whose own part broke off is said once, by it."""
        for a in self.members:
            for b in self.members:
                if a is b or a.name not in self.answers or (b.python and b.name not in self.answers):
                    continue
                if path := self.answers[a.name].to.get(b.name):
                    yield (a.name, b.name), path

    def tried(self) -> dict[Pair, tuple[int, ...]]:
        return {pair: tuple(port for port, _ in self.member(pair[1]).ports) for pair, _ in self.paths()}

    def closed(self) -> dict[Pair, dict[int, tuple[str, str]]]:
        """What was not reached, and ought to have been."""
        found = {}
        for pair, path in self.paths():
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
            for pair, path in self.paths()
            for verdict, detail in path.closed.values()
            if verdict == "other"
        }
