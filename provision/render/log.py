"""The log file of one run: every event with its time, all remote output, tracebacks. Readable by its owner."""

from __future__ import annotations

import os
import platform
import traceback
from contextlib import suppress
from dataclasses import fields
from datetime import datetime, timezone
from pathlib import Path
from typing import TextIO

from provision.core.events import Event, Failed, Note, Output, Planned
from provision.core.paths import cluster_dir
from provision.core.private import private_folder
from provision.core.report import Report
from provision.core.version import __version__
from provision.core.visible import shown
from provision.render.encode import timestamp
from provision.render.errors import block
from provision.render.fanout import View
from provision.render.findings import finding_lines
from provision.render.plan import plan_lines
from provision.render.text import clean
from provision.render.unsaid import unsaid

#: Older logs of the same cluster are deleted when a new one begins.
KEEP = 30

#: Where the log of a run goes that did not get as far as its cluster's name. No cluster can be called that.
NO_CLUSTER = "_none"


def log_dir(cluster: str = "") -> Path:
    """Raises NoHome."""
    return cluster_dir(cluster or NO_CLUSTER) / "logs"


class RunLog(View):
    """A view that writes `<UTC time>-<command>.log` (mode 0600) in `folder`. Raises OSError if it cannot begin.

    `failed`: why it is not whole, such as a full disk, and what the system
    said (`error`); a run is not ended for that.
    """

    def __init__(self, folder: Path, command: str, now: datetime | None = None) -> None:
        private_folder(folder)
        self.path, self._file = _create(folder, command, now or datetime.now(timezone.utc))
        self.failed = ""
        self.error: OSError | None = None
        with suppress(OSError):
            _delete_old(folder, self.path)
        self.text(f"provision {__version__} {command}, Python {platform.python_version()}")

    def handle(self, event: Event, at: float) -> None:
        lines = _text(event)
        for line in lines if isinstance(event, Output) else unsaid(lines):
            self._write(f"{timestamp(at)} {event.host or '-'} {line}")

    def text(self, text: str) -> None:
        for line in unsaid(text.splitlines()):
            self._write(f"{timestamp(datetime.now(timezone.utc).timestamp())} - {line}")

    def report(self, report: Report) -> None:
        """What was found, and the tracebacks of the run's errors, with what they were caused by."""
        for line in finding_lines(report.findings):
            self.text(line)
        for error in (*(e for host in report.hosts for e in host.errors), *report.errors):
            self.traceback(error)

    def traceback(self, error: BaseException) -> None:
        self.text("".join(traceback.format_exception(error)))

    def end(self) -> None:
        with suppress(OSError):  # it has been told, and the file is closed all the same
            self._file.close()

    def _write(self, line: str) -> None:
        if self.failed:
            return
        try:
            self._file.write(shown(line, keep="\t") + "\n")
        except OSError as error:
            self.failed, self.error = (error.strerror or str(error)).lower(), error
            self.end()


def _create(folder: Path, command: str, now: datetime) -> tuple[Path, TextIO]:
    stem = f"{now.strftime('%Y%m%dT%H%M%S.%f')[:-3]}Z"
    for number in range(100):
        path = folder / f"{stem}{f'.{number}' if number else ''}-{command}.log"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        except FileExistsError:
            continue
        return path, os.fdopen(descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    raise FileExistsError(f"{folder} holds a hundred logs of this millisecond")


def _delete_old(folder: Path, own: Path) -> None:
    """By their names: the log of a clock that was set back is the oldest, and its run's own."""
    for path in sorted(folder.glob("*.log"))[:-KEEP]:
        if path != own:
            path.unlink(missing_ok=True)


def _text(event: Event) -> list[str]:
    if isinstance(event, Output):
        return [f"{'|' if event.stream == 'stdout' else '!'} {clean(event.line)}"]
    if isinstance(event, Note):
        return [clean(event.text)]
    if isinstance(event, Failed):
        first, *rest = block("", event.message, event.evidence, event.hint)
        return [f"{first} ({event.kind}{', ' + event.step if event.step else ''})", *rest]
    if isinstance(event, Planned):
        same = [f"  {step.key} is as wanted" for step in event.plan.unchanged]
        return [f"plan, mode {event.plan.mode.value}", *plan_lines(event.plan), *same]
    shown = (f"{f.name}={getattr(event, f.name)!r}" for f in fields(event) if f.name != "host")
    return [f"{type(event).__name__} {' '.join(shown)}".rstrip()]
