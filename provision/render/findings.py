"""Findings for people, the worst first: `drift: gpu-02: driver is …`, why it matters, and a `hint:` to be typed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from provision.core.finding import Finding, Severity
from provision.core.plan import is_by_up
from provision.render.merged import NOT_LOOKED_AT, Merged, entries
from provision.render.text import PLAIN, Paint, Style, clean, count, named, wrapped

STYLE = {
    Severity.BLOCKS: Style.ERROR,
    Severity.DRIFT: Style.CHANGE,
    Severity.WARNING: Style.WARN,
    Severity.NOTE: Style.DIM,
}

#: Of lines that differ from host to host so many are shown; `--json` and `--html` have all.
_MOST = 8


def finding_lines(findings: Iterable[Finding], paint: Paint = PLAIN, *, width: int = 80) -> list[str]:
    """A block per entry, with an empty line between."""
    lines: list[str] = []
    for entry in entries(findings):
        lines += ["", *_block(entry, paint, width)] if lines else _block(entry, paint, width)
    return lines


def head_lines(findings: Iterable[Finding], paint: Paint = PLAIN) -> list[str]:
    """One line per entry: what, where, and why it is accepted, if it is."""
    reason = {entry: f" ({clean(entry.accepted)})" if entry.accepted else "" for entry in entries(findings)}
    return [_coloured(entry, f"{_head(entry)}{said}", paint) for entry, said in reason.items()]


def told(kind: str, number: int) -> str:
    """Of what `tallied` counts: `2 hosts unreachable`, `1 blocks`, `2 drift`, `3 warnings`."""
    if kind in NOT_LOOKED_AT:
        return f"{count(number, 'host')} {kind}"
    return count(number, kind, {"warning": "warnings", "note": "notes"}.get(kind, kind))


def _head(entry: Merged) -> str:
    where = f"{named(entry.hosts)}: " if entry.hosts[0] else ""
    return clean(f"{_word(entry)} {where}{entry.message}")


def _word(entry: Merged) -> str:
    return f"{'accepted' if entry.accepted else entry.severity.value}:"


def _coloured(entry: Merged, line: str, paint: Paint) -> str:
    word = _word(entry)
    return paint(Style.DIM if entry.accepted else STYLE[entry.severity], word) + line.removeprefix(word)


def _block(entry: Merged, paint: Paint, width: int) -> list[str]:
    first, *rest = wrapped(_head(entry), width, "  ")
    lines = [_coloured(entry, first, paint), *rest]
    if entry.accepted:
        # Whoever accepted it knows why it matters and what to do.
        return [*lines, *wrapped(f"{entry.severity.value}, accepted: {clean(entry.accepted)}", width, "    ", "  ")]
    if why := entry.text("why"):
        lines += wrapped(f"why: {clean(why)}", width, "    ", "  ")
    for detail in details(entry):
        lines += wrapped(detail, width, "    ", "  ")
    hint = entry.text("hint")
    if not is_by_up(hint):  # which the last line says, once for all
        lines += _hint(hint, paint, width)
    return lines


def _hint(hint: str, paint: Paint, width: int) -> list[str]:
    """A hint of several lines is aligned below its first word."""
    lines: list[str] = []
    for line in hint.splitlines():
        lines += wrapped(clean(line), width, "      ", "      " if lines else "hint:")
    return [paint(Style.HINT, "hint:") + lines[0].removeprefix("hint:"), *lines[1:]] if lines else []


def details(entry: Merged) -> Iterator[str]:
    """What differs between the hosts of an entry, then the evidence."""
    first = entry.findings[0]
    if first.said and first.expected and first.found not in first.said:
        yield clean(f"found `{first.found}`, expected `{first.expected}`")
    if not first.said and len(entry.found) > 1:
        yield from _few([f"`{clean(found)}` on {named(hosts)}" for found, hosts in entry.found.items()])
    evidence = [clean(line) for line in entry.evidence]
    yield from evidence if entry.agree else _few(evidence)


def _few(lines: Sequence[str]) -> list[str]:
    hidden = len(lines) - _MOST
    return list(lines) if hidden <= 1 else [*lines[:_MOST], f"… and {hidden} more"]
