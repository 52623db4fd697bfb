"""A report as a page shows it: entries (the worst first), and a table of hosts and facts. Pure: no markup yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from provision.core.errors import HostError, ProvisionError, Unreachable
from provision.core.finding import Finding, Severity, area_rank, blocker
from provision.core.report import Report

#: A host that could not be looked at, or not to the end.
ERRORS = ("unreachable", "failed")

#: What an entry can be, the worst first.
KINDS = (*ERRORS, *(s.value for s in Severity))


@dataclass(frozen=True)
class PageEntry:
    """What is said once, of however many hosts. `kind` is one of KINDS; `number` is its place on the page."""

    number: int
    kind: str
    finding: Finding
    hosts: tuple[str, ...]

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
    said: dict[tuple[str, Finding], list[str]] = {}
    for kind, finding in (*_errors(report), *((f.severity.value, f) for f in report.findings)):
        hosts = said.setdefault((kind, replace(finding, host="")), [])
        if finding.host and finding.host not in hosts:
            hosts.append(finding.host)
    ranked = sorted(said, key=lambda it: KINDS.index(it[0]))
    return tuple(PageEntry(number, *it, tuple(said[it])) for number, it in enumerate(ranked, 1))


def matrix_of(report: Report, entries: Iterable[PageEntry]) -> Matrix:
    """Facts in the order of their areas; within an area as the hosts have them, what is only found last."""
    entries = tuple(entries)
    names = dict.fromkeys([h.name for h in report.hosts] + list(report.known) + [n for e in entries for n in e.hosts])
    known = {(host, Fact(k.area, k.fact)): k.value for host, cells in report.known.items() for k in cells}
    facts = dict.fromkeys(fact for _, fact in known)
    marked: dict[tuple[str, Fact], list[PageEntry]] = {}
    for entry in entries:
        if entry.kind in ERRORS or entry.sentence:
            continue
        fact = _column(Fact(entry.area, entry.finding.fact), facts)
        facts.setdefault(fact)
        for host in entry.hosts:
            marked.setdefault((host, fact), []).append(entry)
    cells = {
        at: PageCell(
            known.get(at) or next((e.finding.found for e in marked.get(at, ())), ""), tuple(marked.get(at, ()))
        )
        for at in (*known, *marked)
    }
    return Matrix(
        hosts=tuple(names),
        facts=tuple(sorted(facts, key=lambda f: area_rank(f.area))),
        cells=cells,
        marks={host: tuple(e for e in entries if host in e.hosts) for host in names},
        gone={h.name: h.status for h in report.hosts if h.status in ERRORS},
    )


def _column(fact: Fact, known: Iterable[Fact]) -> Fact:
    """The column that a finding concerns: what is impossible together (`compatibility`) is shown where it is read."""
    known = tuple(known)
    return fact if fact in known else next((k for k in known if k.name == fact.name), fact)


def _errors(report: Report) -> list[tuple[str, Finding]]:
    """A report may hold an error twice: by its host, and among its own."""
    errors: list[tuple[str, ProvisionError]] = [(host.name, e) for host in report.hosts for e in host.errors]
    errors += [(e.host if isinstance(e, HostError) else "", e) for e in report.errors]
    return [
        (
            "unreachable" if isinstance(e, Unreachable) else "failed",
            blocker(host, e.message, e.evidence, e.hint, area=""),
        )
        for host, e in errors
    ]
