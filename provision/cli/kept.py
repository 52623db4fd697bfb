"""The files that a check leaves for others: looked at before any host is contacted, written whole or not at all."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

from provision.errors import ProvisionError, UsageError
from provision.report import Report


def writable(option: str, path: Path | None) -> None:
    """Raises UsageError if `path` cannot become a file: not known after minutes, but at once."""
    if path is None:
        return
    folder = path.parent
    if path.is_dir():
        raise UsageError(f"{option}: `{path}` is a folder", hint="name a file")
    if not folder.is_dir():
        raise UsageError(f"{option}: there is no folder `{folder}`", hint=f"make it first: mkdir -p {folder}")
    if not path.exists() and not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"{option}: the folder `{folder}` may not be written to")


def existing_folder(option: str, path: Path) -> Path:
    """Raises UsageError if there is none."""
    if not path.is_dir():
        raise UsageError(f"{option}: there is no folder `{path}`")
    return path


def keep(report: Report, cluster: str, *, junit: Path | None, html: Path | None) -> Report:
    """Writes what was asked for. A file that could not be written is one more error of the report: what was found
    is shown all the same."""
    now = time.time()
    errors = []
    for path, text in ((junit, _junit), (html, _html)):
        if path is None:
            continue
        try:
            write_whole(path, text(report, cluster, now))
        except OSError as error:
            errors.append(ProvisionError(f"`{path}` cannot be written: {error.strerror or error}"))
    if not errors:
        return report
    code = 1 if report.exit_code in (0, 3) else report.exit_code
    return replace(report, errors=(*report.errors, *errors), exit_code=code)


def write_whole(path: Path, text: str) -> None:
    """A reader sees the old file or the new one, never half of it. What is no ordinary file (/dev/stdout) is written
    to directly. Raises OSError."""
    if path.exists() and not path.is_file():
        path.write_text(text, encoding="utf-8", errors="replace")
        return
    target = path.resolve()  # a link stays one
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        fresh.write_text(text, encoding="utf-8", errors="replace")
        if target.exists():
            fresh.chmod(target.stat().st_mode & 0o777)
        fresh.replace(target)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def _junit(report: Report, cluster: str, at: float) -> str:
    from provision.render.junit import junit_xml

    return junit_xml(report, cluster=cluster, at=at)


def _html(report: Report, cluster: str, at: float) -> str:
    from provision.render.html import html_page

    return html_page(report, cluster=cluster, at=at)
