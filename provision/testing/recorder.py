"""Writes what each test did, as it happens. Stays out of the tests' own output."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from provision.testing.connections import Connections
from provision.testing.results import Outcome, Result, dumps, first_line, without_host
from provision.testing.session import node_of

#: Lines of a failure that are kept: its last ones.
EVIDENCE = 20


class Recorder:
    """Appends to `path`, a line for each result."""

    def __init__(self, path: Path, connections: Connections) -> None:
        self._path = path
        self._connections = connections

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        node = node_of(item)
        host = node.name if node else ""
        error = self._connections.closed.get(host) if "host" in getattr(item, "fixturenames", ()) else None
        if report.failed and report.when == "setup" and error is not None:
            test = without_host(item.nodeid, host)
            self._write(Result(Outcome.CLOSED, item.nodeid, test, host, error.message, error.evidence, error.hint))
        elif report.failed:
            self._write(_failure(Outcome.FAILED if report.when == "call" else Outcome.ERROR, report, host))
        elif report.passed and report.when == "call":
            self._write(Result(Outcome.PASSED, item.nodeid, without_host(item.nodeid, host), host))
        return report

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._write(_failure(Outcome.UNCOLLECTED, report, ""))

    def _write(self, result: Result) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(dumps(result) + "\n")


def _failure(outcome: Outcome, report: pytest.TestReport | pytest.CollectReport, host: str) -> Result:
    lines = [line.rstrip() for line in report.longreprtext.splitlines() if line.strip()]
    crash = getattr(report.longrepr, "reprcrash", None)
    message = first_line(crash.message.splitlines() if crash else lines)
    test = without_host(report.nodeid, host)
    return Result(outcome, report.nodeid, test, host, message, tuple(lines[-EVIDENCE:]))
