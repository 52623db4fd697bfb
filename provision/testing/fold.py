"""From results of tests to findings, and into a report. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from pathlib import Path

from provision.core.exits import Exit
from provision.core.finding import Against, Finding, Known, Severity, sorted_findings
from provision.core.report import Report
from provision.core.values import dataclass
from provision.testing.results import Outcome, Result

AREA = "tests"

#: The fact of a finding that says that no test could run on a host.
NO_TESTS = "tests"

#: Characters of an assertion that fit into a cell.
LONGEST = 200


@dataclass(frozen=True)
class Results:
    """`known`: host → whether each of its tests passed."""

    findings: tuple[Finding, ...] = ()
    known: Mapping[str, tuple[Known, ...]] = field(default_factory=dict)


def folded(results: Iterable[Result], inventory: Path, root: Path) -> Results:
    """One finding per test and host that failed, one per host where none could run; skipped tests are
    left out. `inventory`, and `root`, to which tests' ids are relative, as a person would type them."""
    findings: dict[tuple[str, str], Finding] = {}
    known: dict[str, dict[str, Known]] = {}
    for result in results:
        closed = result.outcome is Outcome.CLOSED
        if result.outcome is not Outcome.PASSED:
            # The first is the cause: what fails while a failed test is cleared up only follows from it.
            fact = NO_TESTS if closed else result.test
            findings.setdefault((result.host, fact), _finding(result, inventory, root))
        if result.host and not closed:
            passed = (result.host, result.test) not in findings
            known.setdefault(result.host, {})[result.test] = Known(AREA, result.test, "passed" if passed else "failed")
    return Results(tuple(findings.values()), {host: tuple(by_test.values()) for host, by_test in known.items()})


def with_tests(report: Report, results: Results) -> Report:
    """`report` with the results of the tests in it. A host that the report names as unreachable is not named again;
    exit code `NO` if a test failed and nothing worse was said before."""
    unreachable = {host.name for host in report.hosts if host.status == "unreachable"}
    findings = [f for f in results.findings if not (f.fact == NO_TESTS and f.host in unreachable)]
    known = dict(report.known)
    for host, facts in results.known.items():
        known[host] = (*known.get(host, ()), *facts)
    names = [host.name for host in report.hosts]
    drifted = report.ok and any(finding.counts for finding in findings)
    failed = {finding.host for finding in findings if finding.counts}
    hosts = (replace(h, status="drift") if h.status == "ok" and h.name in failed else h for h in report.hosts)
    return replace(
        report,
        hosts=tuple(hosts),
        findings=sorted_findings((*report.findings, *findings), names),
        known=known,
        exit_code=Exit.NO if drifted else report.exit_code,
    )


def _finding(result: Result, inventory: Path, root: Path) -> Finding:
    found = result.message if len(result.message) <= LONGEST else f"{result.message[: LONGEST - 1]}…"
    if result.outcome is Outcome.CLOSED:
        return Finding(
            result.host,
            AREA,
            NO_TESTS,
            Severity.DRIFT,
            found=found,
            expected="runs tests",
            against=Against.SOUND,
            hint=result.hint,
            evidence=result.evidence,
            said=f"no test could run: {found}",
        )
    what = "failed" if result.outcome is Outcome.FAILED else "could not run"
    return Finding(
        result.host,
        AREA,
        result.test,
        Severity.DRIFT,
        found=found,
        expected="passes",
        against=Against.SOUND,
        hint=shlex.join(["pytest", "--inventory", str(inventory), str(root / result.id)]),
        evidence=result.evidence,
        said=f"{result.test} {what}: {found}",
    )
