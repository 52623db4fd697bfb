"""A check as JUnit XML, for CI: a suite per host and one for the cluster, a case per fact that was looked at.

There is no standard; this is what Jenkins, GitLab and GitHub's reporters have in common: `testsuites` > `testsuite` >
`testcase` with `failure`, `error` or `system-out`, and the counts as attributes. Pure: the time is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from xml.etree import ElementTree

from provision.core.errors import HostError, ProvisionError
from provision.core.finding import Finding, Known, area_rank
from provision.core.report import Report
from provision.core.values import dataclass
from provision.core.visible import shown
from provision.render.merged import NOT_LOOKED_AT, tallied


@dataclass(frozen=True)
class _Case:
    """`findings`: the worst first; none for a fact in order."""

    area: str
    fact: str
    value: str
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> bool:
        return any(f.counts for f in self.findings)


def junit_xml(report: Report, *, cluster: str, at: float) -> str:
    """`at`: when the check ended, in seconds since the epoch. Ends with a newline; to be written as UTF-8."""
    errors = list(dict.fromkeys([*(e for host in report.hosts for e in host.errors), *report.errors]))
    stamp = datetime.fromtimestamp(at - report.seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    of_none = [e for e in errors if not isinstance(e, HostError)]
    suites = [_suite(cluster, "", _cases("", report), of_none, 0.0, stamp)]
    suites[0].insert(0, _counts(report))
    for host in report.hosts:
        of_host = [e for e in errors if isinstance(e, HostError) and e.host == host.name]
        suites.append(_suite(cluster, host.name, _cases(host.name, report), of_host, host.seconds, stamp))
    # Such as one that has left the inventory: it counts wherever the findings are counted.
    for name in dict.fromkeys(finding.host for finding in report.findings):
        if name and all(name != host.name for host in report.hosts):
            suites.append(_suite(cluster, name, _cases(name, report), (), 0.0, stamp))
    suites += [_left_out(cluster, name, stamp) for name in report.left_out]
    root = ElementTree.Element("testsuites", {"name": _xml(f"provision check {cluster}")})
    for count in ("tests", "failures", "errors"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in suites)))
    root.set("time", f"{report.seconds:.3f}")
    root.extend(suites)
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _counts(report: Report) -> ElementTree.Element:
    """As the last line has them: the same on several hosts is one finding, and a failure of each of them."""
    said = ElementTree.Element("properties")
    for kind, number in tallied(report).items():
        of = "hosts" if kind in NOT_LOOKED_AT else "findings"
        ElementTree.SubElement(said, "property", {"name": f"{of}.{kind}", "value": str(number)})
    return said


def _cases(host: str, report: Report) -> list[_Case]:
    """What is known of `host`, and what was found there, each fact once, in the order of the areas."""
    known = {(k.area, k.fact): k for k in report.known.get(host, ())}
    found: dict[tuple[str, str], list[Finding]] = {}
    for finding in report.findings:
        if finding.host == host:
            found.setdefault((finding.area, finding.fact), []).append(finding)
    keys = sorted(dict.fromkeys([*known, *found]), key=lambda key: area_rank(key[0]))
    return [_case(key, known.get(key), found.get(key, ())) for key in keys]


def _case(key: tuple[str, str], known: Known | None, findings: Sequence[Finding]) -> _Case:
    worst_first = tuple(sorted(findings, key=lambda f: (bool(f.accepted), f.severity.rank)))
    return _Case(*key, known.value if known else "", worst_first)


def _suite(
    cluster: str, host: str, cases: Sequence[_Case], errors: Sequence[ProvisionError], seconds: float, stamp: str
) -> ElementTree.Element:
    counts = {
        "tests": str(len(cases) + len(errors)),
        "failures": str(sum(case.failed for case in cases)),
        "errors": str(len(errors)),
        "skipped": "0",
    }
    name = host or cluster
    suite = ElementTree.Element("testsuite", {"name": _xml(name), **counts, "time": f"{seconds:.3f}"})
    suite.set("timestamp", stamp)
    suite.set("hostname", _xml(name))
    for error in errors:
        _add_error(suite, name, error)
    for case in cases:
        _add_case(suite, name, case)
    return suite


def _left_out(cluster: str, host: str, stamp: str) -> ElementTree.Element:
    """A host that nobody looked at has passed nothing."""
    suite = _suite(cluster, host, (), (), 0.0, stamp)
    suite.set("tests", "1")
    suite.set("skipped", "1")
    case = ElementTree.SubElement(suite, "testcase", {"classname": _xml(host), "name": "--limit", "time": "0.000"})
    ElementTree.SubElement(case, "skipped", {"message": "left out by --limit"})
    return suite


def _add_case(suite: ElementTree.Element, name: str, case: _Case) -> None:
    attributes = {"classname": _xml(f"{name}.{case.area}"), "name": _xml(case.fact), "time": "0.000"}
    shown = ElementTree.SubElement(suite, "testcase", attributes)
    if case.failed:
        worst = case.findings[0]
        failure = ElementTree.SubElement(
            shown, "failure", {"message": _xml(worst.message), "type": worst.severity.value}
        )
        failure.text = _xml(_told(case.findings))
    elif case.findings or case.value:
        said = [f"{case.fact}: {case.value}"] if case.value else []
        out = ElementTree.SubElement(shown, "system-out")
        out.text = _xml("\n".join([*said, *([_told(case.findings)] if case.findings else [])]))


def _add_error(suite: ElementTree.Element, name: str, error: ProvisionError) -> None:
    kind = type(error).__name__
    shown = ElementTree.SubElement(suite, "testcase", {"classname": _xml(name), "name": kind, "time": "0.000"})
    told = ElementTree.SubElement(shown, "error", {"message": _xml(error.message), "type": kind})
    told.text = _xml("\n".join([error.message, *error.evidence, *([f"hint: {error.hint}"] if error.hint else [])]))


def _told(findings: Iterable[Finding]) -> str:
    lines = []
    for f in findings:
        lines.append(f"{f.severity.value}: {f.message}")
        if f.accepted:
            lines.append(f"accepted: {f.accepted}")
            continue
        lines += [f"why: {f.why}"] if f.why else []
        lines += f.evidence
        lines += [f"hint: {f.hint}"] if f.hint else []
    return "\n".join(lines)


def _xml(text: str) -> str:
    """What is left is what XML 1.0 calls a Char (w3.org/TR/xml, 2.2): the rest cannot be written, not even escaped."""
    return shown(text, keep="\t\n")
