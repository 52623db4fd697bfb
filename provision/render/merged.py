"""The same finding on several hosts is one entry, on the terminal as on the page: 200 hosts with one fault are read as
one fault."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from provision.core.finding import HELD_UP, Finding, Severity
from provision.core.report import Report
from provision.core.values import dataclass

#: Stands in a text for the host that it is about, where it is said of several.
EACH = "<host>"

#: A host that could not be looked at, or not to the end.
NOT_LOOKED_AT = ("unreachable", "failed")


@dataclass(frozen=True)
class Merged:
    """Findings that differ in nothing but host, value found, and evidence."""

    findings: tuple[Finding, ...]

    @property
    def severity(self) -> Severity:
        return self.findings[0].severity

    @property
    def counts(self) -> bool:
        return self.findings[0].counts

    @property
    def accepted(self) -> str:
        """The reason; empty while it is not accepted."""
        return self.findings[0].accepted

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
        return replace(first, found="\0").message.replace("`\0`", self.value)

    @property
    def value(self) -> str:
        """What was found; of several values only how many."""
        return next(iter(self.found)) if len(self.found) == 1 else f"one of {len(self.found)} values"

    @property
    def agree(self) -> bool:
        """Whether all have the same evidence."""
        return len({finding.evidence for finding in self.findings}) == 1

    @property
    def evidence(self) -> tuple[str, ...]:
        """Each line once where all have the same, else behind the host that has it."""
        if self.agree:
            return self.findings[0].evidence
        return tuple(f"{finding.host}: {line}" for finding in self.findings for line in finding.evidence)

    def text(self, name: str) -> str:
        """What the findings have in the field `name`: as it is, or without the host's name if they differ in that."""
        texts = {str(getattr(finding, name)) for finding in self.findings}
        return texts.pop() if len(texts) == 1 else hostless(str(getattr(self.findings[0], name)), self.hosts[0])


def entries(findings: Iterable[Finding]) -> tuple[Merged, ...]:
    """In the order in which they come. That a host could not be looked at is told once, as the host's error."""
    same: dict[Finding, list[Finding]] = {}
    for finding in (finding for finding in findings if finding.fact != HELD_UP):
        same.setdefault(alike(finding), []).append(finding)
    return tuple(Merged(tuple(found)) for found in same.values())


def alike(finding: Finding) -> Finding:
    """Equal for findings that are one entry."""
    host = finding.host
    return replace(
        finding,
        host="" if host else "\0",
        fact=hostless(finding.fact, host),
        found=finding.found if finding.said else "",
        said=hostless(finding.said, host),
        why=hostless(finding.why, host),
        hint=hostless(finding.hint, host),
        evidence=(),
    )


def hostless(text: str, host: str, each: str = EACH) -> str:
    """`text` as it is said of several hosts, of which `host` is one. `each`: what stands for it."""
    if not host or host not in text:
        return text
    return re.sub(rf"(?<![\w-]){re.escape(host)}(?![\w-])", each, text)


def counts(findings: Iterable[Finding]) -> dict[str, int]:
    """Entries by severity, the worst first, then those that are accepted; none for none. One count for terminal, page,
    JSON and JUnit."""
    found = entries(findings)
    kinds = [*(severity.value for severity in Severity), "accepted"]
    number = Counter("accepted" if entry.accepted else entry.severity.value for entry in found)
    return {kind: number[kind] for kind in kinds if number[kind]}


def tallied(report: Report) -> dict[str, int]:
    """What a check came to: the hosts that were not looked at, or not to the end, then `counts`. The terminal's last
    line, the page and JUnit have it from here."""
    lost = Counter(host.status for host in report.hosts)
    hosts = {status: lost[status] for status in NOT_LOOKED_AT if lost[status]}
    return hosts | counts(report.findings)
