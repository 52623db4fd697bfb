"""Where the time of a run went: each part once, whatever the number of hosts, and then what determined the end."""

from __future__ import annotations

from collections.abc import Iterable

from provision.core.timing import Span, Timings
from provision.render.text import PLAIN, Paint, Style, clean, count, cut, duration, table

#: What is in none of the parts of the critical path.
BETWEEN = "between these: not recorded by itself, such as work of this machine"

#: What begins the line of a part on the critical path.
MARK = "*"


def timing_lines(timings: Timings, paint: Paint = PLAIN, *, width: int = 80) -> list[str]:
    """Two tables; nothing for a run that has recorded nothing."""
    if not timings.spans:
        return []
    return [*_parts(timings, paint, width), "", *_path(timings, paint, width)]


def grouped(spans: Iterable[Span]) -> list[list[Span]]:
    """The spans of each part, whatever the host, in the order of their first beginning."""
    found: dict[tuple[str, str], list[Span]] = {}
    for span in spans:
        found.setdefault((span.kind, span.name), []).append(span)
    return list(found.values())


def where(span: Span) -> str:
    return span.host or "here"


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _parts(timings: Timings, paint: Paint, width: int) -> list[str]:
    critical = set(map(id, timings.path))
    rows: list[tuple[str, ...]] = [("", "from s", "to s", "hosts", "longest s", "on", "part")]
    for spans in grouped(timings.spans):
        longest = max(spans, key=lambda span: span.seconds)
        hosts = len({span.host for span in spans if span.host})
        rows.append(
            (
                MARK if any(id(span) in critical for span in spans) else "",
                f"{min(span.began for span in spans):.1f}",
                f"{max(span.ended for span in spans):.1f}",
                str(hosts or "-"),
                f"{longest.seconds:.1f}",
                where(longest),
                _named(longest, failed=any(not span.done for span in spans)),
            )
        )
    lines = _table(rows, frozenset({1, 2, 3, 4}), paint, width)
    lines[1:] = [paint(Style.BOLD, line) if row[0] else line for row, line in zip(rows[1:], lines[1:], strict=True)]
    return [f"where {duration(timings.seconds)} went; {MARK} is on the critical path", *lines]


def _path(timings: Timings, paint: Paint, width: int) -> list[str]:
    rows: list[tuple[str, ...]] = [("seconds", "share", "on", "what determined the end, one after another")]
    for span in timings.path:
        share = percent(timings.share(span.seconds))
        rows.append((f"{span.seconds:.1f}", share, where(span), _named(span, failed=not span.done)))
    rows.append((f"{timings.between:.1f}", percent(timings.share(timings.between)), "-", BETWEEN))
    size = f"{count(len(timings.path), 'part')} of {len(timings.spans)}"
    return [f"critical path: {size}", *_table(rows, frozenset({0, 1}), paint, width)]


def _named(span: Span, *, failed: bool) -> str:
    return f"{clean(span.name)} (failed)" if failed else clean(span.name)


def _table(rows: list[tuple[str, ...]], right: frozenset[int], paint: Paint, width: int) -> list[str]:
    lines = [cut("  ".join(cells).rstrip(), width) for cells in table(rows, right=right)]
    return [paint(Style.DIM, lines[0]), *lines[1:]]
