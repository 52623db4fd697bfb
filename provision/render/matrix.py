"""The table of hosts and facts, for a terminal: facts are rows, hosts are columns.

Hosts that do not fit share a column if they are equal; where even that is too wide, each fact lists its values, each
with the hosts that have it. So one host and two hundred are both read at 80 columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from provision.core.finding import Finding, Severity, area_rank, sorted_findings
from provision.core.report import Report
from provision.core.values import dataclass
from provision.render.findings import STYLE
from provision.render.text import PLAIN, Paint, Style, cells, clean, cut, named, pad, wrapped

#: What marks a cell with a finding: colour only repeats it.
MARKS = {Severity.BLOCKS: "!", Severity.DRIFT: "~", Severity.WARNING: "?", Severity.NOTE: "."}

_INDENT = "  "
#: Two blanks before a cell, its mark, and another blank.
_GAP = 4
_NONE = "-"
#: Characters: no column is cut to less; a value in a list, and the name of a fact, are cut to this many.
_NARROWEST = 12
_USUAL_VALUE, _WIDEST_VALUE = 16, 36
_WIDEST_FACT = 36
#: Characters that are left, behind a value, for the hosts that have it.
_NARROWEST_HOSTS = 8
#: Of the values of one fact so many are listed, and all that have a finding.
_MOST_VALUES = 8


@dataclass(frozen=True)
class Cell:
    """`severity`: of the worst finding on this fact of this host, None for none that is not accepted."""

    text: str
    severity: Severity | None = None

    @property
    def mark(self) -> str:
        return MARKS[self.severity] if self.severity else " "


@dataclass(frozen=True)
class Row:
    """`cells`: one per host. `asked`: somebody asked for just this."""

    area: str
    fact: str
    cells: tuple[Cell, ...]
    asked: bool = False

    @property
    def marked(self) -> bool:
        return any(cell.severity for cell in self.cells)

    @property
    def label(self) -> str:
        return cut(clean(self.fact), _WIDEST_FACT)


def matrix_lines(report: Report, paint: Paint = PLAIN, *, everything: bool = False, width: int = 80) -> list[str]:
    """Every fact with `everything`; otherwise those that a finding is about, and what was asked for, where there is
    another host to compare with. Hosts of which nothing is known have no column."""
    hosts = tuple(host.name for host in report.hosts if report.known.get(host.name))
    rows = _rows(report, hosts)
    if not everything:
        rows = [row for row in rows if row.marked or row.asked]
        if len(hosts) < 2:
            return []
    if not rows:
        return []
    table = _table(rows, [(host,) for host in hosts], hosts, width) or _table(rows, _equal(rows, hosts), hosts, width)
    if table is not None:
        return [*_columns(rows, *table, paint), *_legend(rows, paint)]
    return [*_lists(rows, hosts, paint, width), *_legend(rows, paint)]


def _rows(report: Report, hosts: Sequence[str]) -> list[Row]:
    """A row for each fact that is known of any host, in the order of the areas."""
    values = {(host, k.area, k.fact): clean(k.value) for host in hosts for k in report.known[host]}
    asked = {(k.area, k.fact) for host in hosts for k in report.known[host] if k.asked}
    worst: dict[tuple[str, str, str], Finding] = {}
    for finding in sorted_findings(report.findings, hosts):
        worst.setdefault((finding.host, finding.area, finding.fact), finding)
    facts = dict.fromkeys((area, fact) for _, area, fact in values)
    rows = []
    for area, fact in sorted(facts, key=lambda key: area_rank(key[0])):
        cells = []
        for host in hosts:
            key = (host, area, fact)
            found = worst.get(key)
            text = values.get(key) or (clean(found.found) if found else "") or _NONE
            cells.append(Cell(text, found.severity if found and not found.accepted else None))
        rows.append(Row(area, fact, tuple(cells), (area, fact) in asked))
    return rows


@dataclass(frozen=True)
class _Column:
    """Hosts that are equal in every row: `place` is that of the first."""

    name: str
    place: int


def _equal(rows: Sequence[Row], hosts: Sequence[str]) -> list[tuple[str, ...]]:
    """The hosts in groups that have the same cells."""
    groups: dict[tuple[Cell, ...], list[str]] = {}
    for index, host in enumerate(hosts):
        groups.setdefault(tuple(row.cells[index] for row in rows), []).append(host)
    return [tuple(group) for group in groups.values()]


def _table(
    rows: Sequence[Row], groups: Sequence[tuple[str, ...]], hosts: Sequence[str], width: int
) -> tuple[list[_Column], list[int]] | None:
    """The columns and how wide each is; None if they do not fit. Where nothing differs values may be cut, but no host's
    name is, and nothing beside a finding: there the end may be what matters."""
    columns = [_Column(_group_name(group, hosts), hosts.index(group[0])) for group in groups]
    room = width - len(_INDENT) - max(cells(row.label) for row in rows)
    each = room // len(columns) - _GAP
    widths = []
    for c in columns:
        whole = max([len(c.name), *(cells(row.cells[c.place].text) for row in rows if row.marked)])
        natural = max([whole, *(cells(row.cells[c.place].text) for row in rows)])
        widths.append(natural if natural <= each else max(each, whole, _NARROWEST))
    return (columns, widths) if sum(widths) + _GAP * len(columns) <= room else None


def _group_name(group: Sequence[str], hosts: Sequence[str]) -> str:
    """`gpu-02`, `gpu-01 … gpu-08 (8)` if they stand side by side, else `the other 7`, or the first and how many."""
    if len(group) == 1:
        return group[0]
    if len(group) == 2:
        return ", ".join(group)
    first = hosts.index(group[0])
    if tuple(hosts[first : first + len(group)]) == tuple(group):
        return f"{group[0]} … {group[-1]} ({len(group)})"
    if len(group) > len(hosts) / 2:
        return f"the other {len(group)}"
    return f"{group[0]} and {len(group) - 1} more"


def _columns(rows: Sequence[Row], columns: Sequence[_Column], widths: Sequence[int], paint: Paint) -> Iterator[str]:
    label = len(_INDENT) + max(cells(row.label) for row in rows)
    names = "".join(f"    {c.name:<{w}}" for c, w in zip(columns, widths, strict=True))
    yield paint(Style.BOLD, f"{'':<{label}}{names}".rstrip())
    for area, of_area in _by_area(rows):
        yield paint(Style.BOLD, area)
        for row in of_area:
            line = _INDENT + pad(row.label, label - len(_INDENT))
            for column, wide in zip(columns, widths, strict=True):
                cell = row.cells[column.place]
                line += f"  {_painted(cell, f'{cell.mark} {pad(cut(cell.text, wide), wide)}', paint)}"
            yield line.rstrip()


def _lists(rows: Sequence[Row], hosts: Sequence[str], paint: Paint, width: int) -> Iterator[str]:
    label = len(_INDENT) + max(cells(row.label) for row in rows)
    for area, of_area in _by_area(rows):
        yield paint(Style.BOLD, area)
        for row in of_area:
            name = _INDENT + pad(row.label, label - len(_INDENT))
            longest = max(_USUAL_VALUE, *(cells(cell.text) for cell in row.cells))
            room = min(width // 2 - _GAP, width - label - 6 - _NARROWEST_HOSTS)
            wide = min(longest, _WIDEST_VALUE, max(room, 8))
            for cell, where in _values(row, hosts):
                shown = f"{cell.mark} {pad(cut(cell.text, wide), wide)}"
                indent = " " * (label + 6 + wide)
                first, *rest = wrapped(where, width, indent, f"{name}  {shown}  ")
                yield first.replace(shown, _painted(cell, shown, paint), 1)
                yield from rest
                name = " " * label


def _values(row: Row, hosts: Sequence[str]) -> Iterator[tuple[Cell, str]]:
    """Each value with the hosts that have it: what most have first, then what has a finding."""
    having: dict[Cell, list[str]] = {}
    for host, cell in zip(hosts, row.cells, strict=True):
        having.setdefault(cell, []).append(host)
    ordered = sorted(having.items(), key=lambda item: (-len(item[1]), item[0].severity is None))
    shown = [item for n, item in enumerate(ordered) if n < _MOST_VALUES or item[0].severity]
    for cell, names in shown:
        yield cell, f"all {len(hosts)} hosts" if len(names) == len(hosts) > 1 else named(names)
    if hidden := len(ordered) - len(shown):
        yield Cell("…"), f"{hidden} other values"


def _by_area(rows: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    for area in dict.fromkeys(row.area for row in rows):
        yield area, [row for row in rows if row.area == area]


def _painted(cell: Cell, text: str, paint: Paint) -> str:
    return paint(STYLE[cell.severity], text) if cell.severity else text


def _legend(rows: Sequence[Row], paint: Paint) -> list[str]:
    used = {cell.severity for row in rows for cell in row.cells}
    marks = [f"{mark} {severity.value}" for severity, mark in MARKS.items() if severity in used]
    return [paint(Style.DIM, "   ".join(marks))] if marks else []
