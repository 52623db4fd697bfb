"""Findings for people, the worst first: `drift: gpu-02: driver is …`, why it matters, and a `hint:` that can be typed.

The same finding on several hosts is one entry, so that 200 hosts with one fault are read as one fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from provision.core.finding import Finding, Severity
from provision.core.plan import BY_UP
from provision.render.text import PLAIN, Paint, Style, clean, count, named, wrapped

STYLE = {
    Severity.BLOCKS: Style.ERROR,
    Severity.DRIFT: Style.CHANGE,
    Severity.WARNING: Style.WARN,
    Severity.NOTE: Style.DIM,
}

#: Stands in a text for the host that it is about, where it is said of several.
_EACH = "<host>"
#: Of lines that differ from host to host so many are shown; `--json` and `--html` have all.
_MOST = 8


@dataclass(frozen=True)
class Merged:
    """Findings that differ in nothing but host, value found, and evidence."""

    findings: tuple[Finding, ...]

    @property
    def severity(self) -> Severity:
        return self.findings[0].severity

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(f.host for f in self.findings))

    @property
    def found(self) -> dict[str, tuple[str, ...]]:
        """Value → the hosts where it was found."""
        found: dict[str, tuple[str, ...]] = {}
        for finding in self.findings:
            found[finding.found] = (*found.get(finding.found, ()), finding.host)
        return found

    @property
    def message(self) -> str:
        first = self.findings[0]
        if first.said or len(self.found) == 1:
            return self.text("message")
        # The finding's own words, with something else in the place of the value.
        return replace(first, found="\0").message.replace("`\0`", f"one of {len(self.found)} values")

    def text(self, name: str) -> str:
        """What the findings have in the field `name`: as it is, or without the host's name if they differ in that."""
        texts = {str(getattr(finding, name)) for finding in self.findings}
        return texts.pop() if len(texts) == 1 else _hostless(str(getattr(self.findings[0], name)), self.hosts[0])


def entries(findings: Iterable[Finding]) -> tuple[Merged, ...]:
    """In the order in which they come."""
    merged: dict[Finding, list[Finding]] = {}
    for finding in findings:
        merged.setdefault(_alike(finding), []).append(finding)
    return tuple(Merged(tuple(same)) for same in merged.values())


def finding_lines(findings: Iterable[Finding], paint: Paint = PLAIN, *, width: int = 80) -> list[str]:
    """A block per entry, with an empty line between."""
    lines: list[str] = []
    for entry in entries(findings):
        lines += ["", *_block(entry, paint, width)] if lines else _block(entry, paint, width)
    return lines


def head_lines(findings: Iterable[Finding], paint: Paint = PLAIN) -> list[str]:
    """One line per entry: what, where, and no more."""
    return [_coloured(entry, _head(entry), paint) for entry in entries(findings)]


def tally(findings: Iterable[Finding]) -> str:
    """`1 blocks, 2 drift, 1 warning`: entries, not hosts. Empty for nothing."""
    severities = [entry.severity for entry in entries(findings)]
    plural = {Severity.WARNING: "warnings", Severity.NOTE: "notes"}
    counted = ((severity, severities.count(severity)) for severity in Severity)
    return ", ".join(count(n, s.value, plural.get(s, s.value)) for s, n in counted if n)


def _alike(finding: Finding) -> Finding:
    """Equal for findings that are one entry."""
    host = finding.host
    return replace(
        finding,
        host="" if host else "\0",
        fact=_hostless(finding.fact, host),
        found=finding.found if finding.said else "",
        said=_hostless(finding.said, host),
        why=_hostless(finding.why, host),
        hint=_hostless(finding.hint, host),
        evidence=(),
    )


def _hostless(text: str, host: str) -> str:
    if not host or host not in text:
        return text
    return re.sub(rf"(?<![\w-]){re.escape(host)}(?![\w-])", _EACH, text)


def _head(entry: Merged) -> str:
    where = f"{named(entry.hosts)}: " if entry.hosts[0] else ""
    return clean(f"{entry.severity.value}: {where}{entry.message}")


def _coloured(entry: Merged, line: str, paint: Paint) -> str:
    word = f"{entry.severity.value}:"
    return paint(STYLE[entry.severity], word) + line.removeprefix(word)


def _block(entry: Merged, paint: Paint, width: int) -> list[str]:
    first, *rest = wrapped(_head(entry), width, "  ")
    lines = [_coloured(entry, first, paint), *rest]
    if why := entry.text("why"):
        lines += wrapped(f"why: {clean(why)}", width, "    ", "  ")
    for detail in _details(entry):
        lines += wrapped(detail, width, "    ", "  ")
    hint = entry.text("hint")
    if hint != BY_UP:  # which the last line says, once for all
        lines += _hint(hint, paint, width)
    return lines


def _hint(hint: str, paint: Paint, width: int) -> list[str]:
    """A hint of several lines is aligned below its first word."""
    lines: list[str] = []
    for line in hint.splitlines():
        lines += wrapped(clean(line), width, "      ", "      " if lines else "hint:")
    return [paint(Style.HINT, "hint:") + lines[0].removeprefix("hint:"), *lines[1:]] if lines else []


def _details(entry: Merged) -> Iterator[str]:
    """What differs between the hosts of an entry, then the evidence."""
    first = entry.findings[0]
    if first.said and first.expected and first.found not in first.said:
        yield clean(f"found `{first.found}`, expected `{first.expected}`")
    if not first.said and len(entry.found) > 1:
        yield from _few([f"`{clean(found)}` on {named(hosts)}" for found, hosts in entry.found.items()])
    if len({finding.evidence for finding in entry.findings}) == 1:
        yield from map(clean, first.evidence)
    else:
        yield from _few([f"{f.host}: {clean(line)}" for f in entry.findings for line in f.evidence])


def _few(lines: Sequence[str]) -> list[str]:
    hidden = len(lines) - _MOST
    return list(lines) if hidden <= 1 else [*lines[:_MOST], f"… and {hidden} more"]
