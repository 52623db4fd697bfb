"""Whether what `up` has started is still there once its connections have ended: what belongs to a session may end with
it, and a service may end a moment after it did its work for the first time."""

from __future__ import annotations

import threading
from dataclasses import replace

from provision.core.errors import Busy, HostError
from provision.core.events import silent
from provision.core.plan import Mode
from provision.core.report import Report
from provision.engine.run import Run
from provision.engine.state import Job

#: The aspect of a state that says whether a process runs.
_RUNNING = "running"


def look_again(job: Job, cancel: threading.Event | None) -> Report | None:
    """Over new connections. None where another run has begun meanwhile."""
    look = replace(job, command="check", mode=Mode.CHECK, apply=False, deep=False)
    try:
        return Run(look, silent, cancel or threading.Event()).execute()
    except Busy:
        return None


def judged(report: Report, seen: Report) -> Report:
    """`report`, of an `up` that ended well, with what a look over new connections has `seen`."""
    gone = []
    for change in seen.plan.changes if seen.plan is not None else ():
        found = next((d.found or "" for d in change.differences if d.aspect == _RUNNING), "")
        if found:
            said = found.removeprefix("no: ")
            gone.append(
                HostError(
                    change.step.host,
                    f"{change.step.resource.label} did its work, and was gone when it was looked at once more: {said}",
                    hint="its log says why it ended; if that says nothing, the host ends what a login leaves behind: "
                    "`sudo loginctl enable-linger` for the user who logs in, or `sudo: true`",
                )
            )
    return replace(report.with_errors(*gone), outcome=()) if gone else report
