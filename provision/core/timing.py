"""Pure: where the time of a run went. What each part of it waited for is recorded with it; what determined the end of
the run follows from that."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Literal

from provision.core.values import dataclass

#: `facts`: connecting to a host and asking it what it is. `looking`: the probes of all its resources. `wait`: for
#: another run that has the hosts. `here`: work of this machine. `question`: put to a person. `proof`, `change`: as in
#: provision.core. `files`: a host receives them, before the changes that they are for. `logs`: asked for, of a failure.
Kind = Literal["facts", "wait", "here", "looking", "question", "proof", "files", "change", "logs"]

#: What stands for itself in the line that an `up` ends with; of the others it says nothing.
_PHASES = ("facts", "looking", "proof", "change")


@dataclass(frozen=True, slots=True, eq=False)
class Span:
    """One part of a run, on one host; the host empty: here, or of all of them. `began`, `ended`: seconds since the run
    began. `step`: the key of the step that it changes. `after`: keys of the steps that it waited for. `behind`: of what
    all waited for before it could begin, what ended last. `done`: whether it came to a good end. `side`: on one host
    things are done one after another, except where it does several at once, and then on each side."""

    kind: Kind
    name: str
    host: str
    began: float
    ended: float
    step: str = ""
    after: tuple[str, ...] = ()
    behind: Span | None = field(default=None, repr=False)
    done: bool = True
    side: str = ""

    @property
    def seconds(self) -> float:
        return self.ended - self.began


@dataclass(frozen=True)
class Timings:
    """`seconds`: of the run. `spans`: in the order in which they began. `path`: of those, one after another, the ones
    that determined its end; `between`: seconds that are in none of these, when this machine did what is not recorded,
    or waited for a thread."""

    seconds: float = 0.0
    spans: tuple[Span, ...] = ()
    path: tuple[Span, ...] = ()

    @classmethod
    def of(cls, spans: Iterable[Span], seconds: float) -> Timings:
        ordered = tuple(sorted(spans, key=lambda span: (span.began, span.ended)))
        return cls(seconds, ordered, critical_path(ordered))

    @property
    def between(self) -> float:
        return max(0.0, self.seconds - sum(span.seconds for span in self.path))

    def share(self, seconds: float) -> float:
        """Of the time of the whole run: 0 to 1."""
        return min(1.0, seconds / self.seconds) if self.seconds > 0 else 0.0


@dataclass(frozen=True)
class Phase:
    """A part of a run. `seconds`: from when the first host began with it until the last had ended."""

    name: str
    seconds: float


def critical_path(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Back from what ended last: of all that a part waited for, what was over last. `spans`: in the order in which they
    began."""
    if not spans:
        return ()
    place = {id(span): number for number, span in enumerate(spans)}
    hosts: dict[tuple[str, str], list[Span]] = {}
    for span in sorted(spans, key=lambda span: (span.ended, span.began)):
        if span.kind != "proof":
            hosts.setdefault((span.host, span.side), []).append(span)
    steps = {span.step: span for span in spans if span.step}
    path = [max(spans, key=lambda span: (span.ended, place[id(span)]))]
    while True:
        last = path[-1]
        # Nothing waits for what began after it: so it ends, whatever was measured.
        known = (span for span in _waited_for(last, hosts, steps) if place.get(id(span), len(spans)) < place[id(last)])
        before = max(known, key=lambda span: span.ended, default=None)
        if before is None:
            return tuple(path[::-1])
        path.append(before)


def _waited_for(span: Span, hosts: Mapping[tuple[str, str], Sequence[Span]], steps: Mapping[str, Span]) -> list[Span]:
    found = [steps[key] for key in span.after if key in steps]
    if span.behind is not None:
        found.append(span.behind)
    if span.kind != "proof":
        # On a host one thing is done after another; a proof waits for nothing but what it comes behind.
        own = hosts.get((span.host, span.side), ())
        until = bisect_right(own, span.began, key=lambda other: other.ended)
        found += [other for other in own[:until] if other is not span][-1:]
    return [other for other in found if other.ended <= span.began]


def phases_of(spans: Iterable[Span]) -> tuple[Phase, ...]:
    """What was done, by name, in the order of its first beginning."""
    found: dict[str, tuple[float, float]] = {}
    for span in sorted(spans, key=lambda span: span.began):
        if span.kind in _PHASES:
            first, last = found.get(span.name, (span.began, span.ended))
            found[span.name] = (first, max(last, span.ended))
    return tuple(Phase(name, ended - began) for name, (began, ended) in found.items())
