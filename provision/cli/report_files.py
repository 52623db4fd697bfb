"""The files that a run leaves for others: looked at before any host is contacted, written whole or not at all."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from provision.core import files
from provision.core.errors import ProvisionError, UsageError
from provision.core.files import write_whole
from provision.core.report import Report
from provision.render.out import Out
from provision.render.unsaid import unsaid

#: What stands for standard output.
_STDOUT = Path("-")


def on_stdout(*paths: Path | None, as_json: bool) -> bool:
    """Whether one of `paths` is standard output, so that all else has to go elsewhere. Raises UsageError if there is
    more for it than that."""
    asked = sum(path == _STDOUT for path in paths)
    if asked + as_json > 1 and asked:
        raise UsageError("only one of --json, --junit - and --html - can have standard output", hint="name a file")
    return bool(asked)


def require_writable(option: str, path: Path | None) -> None:
    """As core.files.require_writable; standard output can be written."""
    files.require_writable(option, None if path == _STDOUT else path)


def write_reports(report: Report, cluster: str, *, junit: Path | None = None, html: Path | None = None) -> Report:
    """Writes what was asked for. A file that could not be written is one more error of the report: what was found
    is shown all the same."""
    now = time.time()
    errors = []
    for path, text in ((junit, _junit), (html, _html)):
        if path is None:
            continue
        try:
            page = "\n".join(unsaid(text(report, cluster, now).split("\n")))
            if path == _STDOUT:
                Out(sys.stdout).lines(page.splitlines())
            else:
                write_whole(path, page)
        except OSError as error:
            errors.append(ProvisionError(f"`{path}` cannot be written: {error.strerror or error}"))
    return report.with_errors(*errors)


def _junit(report: Report, cluster: str, at: float) -> str:
    from provision.render.junit import junit_xml

    return junit_xml(report, cluster=cluster, at=at)


def _html(report: Report, cluster: str, at: float) -> str:
    from provision.render.html import html_page

    return html_page(report, cluster=cluster, at=at)
