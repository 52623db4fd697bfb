"""After an `up`: a second look, the question from here, and what is kept of one that ended well."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from provision.after import last_good, on_head
from provision.core.errors import ProvisionError, SnapshotError
from provision.core.events import Listener, Note
from provision.core.report import Report
from provision.engine import snapshot
from provision.engine.second_look import judged, look_again
from provision.engine.state import Job
from provision.stack.kept_key import keep_public


def succeeded(
    job: Job, report: Report, listener: Listener, cancel: threading.Event | None, book: last_good.Played | None
) -> Report:
    """Leaves the report of one that did not end well as it is. `book`: the playbook, unless it is the built-in one."""

    def say(text: str) -> None:
        listener(Note("", text))

    changed = report.ok and any(host.changes for host in report.hosts)
    # What was read before the changes is no longer so; and whatever ends with a connection has had its chance.
    seen = look_again(job, cancel) if changed else report
    report = judged(report, seen) if changed and seen else report
    if report.ok and changed:
        from provision.serving.smoke import from_here

        report = from_here(report, job.inventory, job.secrets, job.only, say, cancel, job.sudo_password)
    if report.ok and not job.only:
        keep_public(job.kept, listener)
        _remember(job, seen, book, say, cancel, changed=changed)
    return report


def _remember(
    job: Job,
    seen: Report | None,
    book: last_good.Played | None,
    say: Callable[[str], None],
    cancel: threading.Event | None,
    *,
    changed: bool,
) -> None:
    """Keeps what the hosts are like now that all is well, and how they became so; of what `changed`, also on the head.
    The model is served, whatever comes of it."""
    try:
        if seen is not None:
            snapshot.keep(snapshot.take(seen.known, job.inventory.cluster, time.time()))
    except SnapshotError as error:
        say(f"what the hosts are like now was not kept: {_with_hint(error)}")
    if job.command != "up" or job.inventory.serve is None:
        return
    try:
        kept = last_good.keep(job.inventory, job.lock, last_good.with_imports(book))
        if changed:
            on_head.keep(job.inventory, kept, job.sudo_password, cancel)
    except ProvisionError as error:
        say(f"the way back was not kept: {_with_hint(error)}")


def _with_hint(error: ProvisionError) -> str:
    """A note has one line."""
    return f"{error.message} ({error.hint})" if error.hint else error.message
