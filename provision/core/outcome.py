"""What a successful run prints at the end: lines known in advance, and those that depend on the result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Protocol

from provision.core.finding import Known
from provision.core.values import dataclass

#: An address and a port.
Endpoint = tuple[str, int]


@dataclass(frozen=True)
class Ended:
    """`known`: host → what is known of it now. `closed`: endpoints that cannot be connected to from here, each with
    why; those that can are not in it."""

    known: Mapping[str, tuple[Known, ...]] = field(default_factory=dict)
    closed: Mapping[Endpoint, str] = field(default_factory=dict)

    def of(self, host: str, fact: str) -> str:
        """What is known of one fact of a host; empty if nothing is."""
        return next((known.value for known in self.known.get(host, ()) if known.fact == fact), "")


class Telling(Protocol):
    """Lines that depend on what came of the run. A value, as all of a playbook is."""

    @property
    def endpoints(self) -> Sequence[Endpoint]:
        """What it wants to know of whether it can be connected to from here."""

    def lines(self, ended: Ended) -> Iterable[str]: ...


def endpoints(outcome: Iterable[str | Telling]) -> list[Endpoint]:
    return [endpoint for part in outcome if not isinstance(part, str) for endpoint in part.endpoints]


def outcome_lines(outcome: Iterable[str | Telling], ended: Ended) -> tuple[str, ...]:
    lines: list[str] = []
    for part in outcome:
        lines += [part] if isinstance(part, str) else part.lines(ended)
    return tuple(lines)
