"""A report as a page shows it: entries (the worst first), and a table of hosts and facts. Pure: no markup yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property

from provision.core.errors import HostError, ProvisionError, Unreachable
from provision.core.finding import Finding, Severity, area_rank, blocker
from provision.core.report import Report
from provision.core.values import dataclass
from provision.render.errors import shared
from provision.render.merged import NOT_LOOKED_AT, Merged, entries

#: What a host's errors are called.
ERRORS = NOT_LOOKED_AT

#: What the inventory accepts, whatever it would be.
ACCEPTED = "accepted"

#: What an entry can be, the worst first.
KINDS = (*ERRORS, *(s.value for s in Severity), ACCEPTED)


@dataclass(frozen=True)
class PageEntry:
    """What is said once, of however many hosts. `kind` is one of KINDS; `number` is its place on the page."""

    number: int
    kind: str
    merged: Merged

    @cached_property
    def hosts(self) -> tuple[str, ...]:
        return tuple(host for host in self.merged.hosts if host)

    @cached_property
    def finding(self) -> Finding:
        """As it is said of all of them."""
        same = self.merged
        return replace(
            same.findings[0],
            host="",
            fact=same.text("fact"),
            found=same.value,
            said=same.text("said"),
            why=same.text("why"),
            hint=same.text("hint"),
            evidence=same.evidence,
        )

    @property
    def area(self) -> str:
        return self.finding.area

    @property
    def sentence(self) -> bool:
        """It is one sentence and no cell of the table."""
        return self.finding.fact == self.finding.said


@dataclass(frozen=True)
class PageCell:
    value: str = ""
    entries: tuple[PageEntry, ...] = ()


@dataclass(frozen=True)
class Fact:
    area: str
    name: str


@dataclass(frozen=True)
class Matrix:
    """`cells` holds what is known, or found, by host and fact. `marks`: all entries of a host. `gone`: host → why
    it was not looked at, in a word."""

    hosts: tuple[str, ...]
    facts: tuple[Fact, ...]
    cells: dict[tuple[str, Fact], PageCell]
    marks: dict[str, tuple[PageEntry, ...]]
    gone: dict[str, str]

    def differs(self, fact: Fact) -> bool:
        return any(self.cells[host, fact].entries for host in self.hosts if (host, fact) in self.cells)


def entries_of(report: Report) -> tuple[PageEntry, ...]:
    """The worst first, errors before findings. What differs in nothing but its host is one entry of several hosts."""
    kinds: dict[str, dict[Finding, None]] = {kind: {} for kind in KINDS}
    for kind, finding in (
        *_errors(report),
        *((ACCEPTED if f.accepted else f.severity.value, f) for f in report.findings),
    ):
        kinds[kind].setdefault(finding)
    ranked = [(kind, merged) for kind, found in kinds.items() for merged in entries(found)]
    return tuple(PageEntry(number, *entry) for number, entry in enumerate(ranked, 1))


def matrix_of(report: Report, shown: Iterable[PageEntry]) -> Matrix:
    """Facts in the order of their areas; within an area as the hosts have them, what is only found last."""
    shown = tuple(shown)
    names = dict.fromkeys([h.name for h in report.hosts] + list(report.known) + [n for e in shown for n in e.hosts])
    known = {(host, Fact(k.area, k.fact)): k.value for host, cells in report.known.items() for k in cells}
    facts = dict.fromkeys(fact for _, fact in known)
    marked: dict[tuple[str, Fact], list[tuple[PageEntry, str]]] = {}
    for entry in shown:
        if entry.kind in ERRORS or entry.sentence:
            continue
        for finding in entry.merged.findings:
            fact = _column(Fact(finding.area, finding.fact), facts)
            facts.setdefault(fact)
            if finding.host:
                marked.setdefault((finding.host, fact), []).append((entry, finding.found))
    cells = {}
    for at in dict.fromkeys((*known, *marked)):
        marks = marked.get(at, [])
        cells[at] = PageCell(known.get(at) or next((found for _, found in marks), ""), tuple(e for e, _ in marks))
    return Matrix(
        hosts=tuple(names),
        facts=tuple(sorted(facts, key=lambda f: area_rank(f.area))),
        cells=cells,
        marks={host: tuple(e for e in shown if host in e.hosts) for host in names},
        gone={h.name: h.status for h in report.hosts if h.status in ERRORS},
    )


def _column(fact: Fact, known: Iterable[Fact]) -> Fact:
    """The column that a finding concerns: what is impossible together (`compatibility`) is shown where it is read."""
    known = tuple(known)
    return fact if fact in known else next((k for k in known if k.name == fact.name), fact)


def _errors(report: Report) -> list[tuple[str, Finding]]:
    """A report may hold an error twice: by its host, and among its own."""
    errors = [e for host in report.hosts for e in (_of_host(host.name, e) for e in host.errors)]
    found = []
    for one in shared([*errors, *report.errors]):
        kind = "unreachable" if isinstance(one.error, Unreachable) else "failed"
        for host in one.hosts or ("",):
            found.append((kind, blocker(host, one.message, one.evidence, one.hint, area="")))
    return found


def _of_host(name: str, error: ProvisionError) -> ProvisionError:
    """As one of that host, whatever ended it, such as Ctrl-C."""
    if isinstance(error, HostError):
        return error
    return HostError(name, error.message, evidence=error.evidence, hint=error.hint)
