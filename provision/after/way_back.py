"""After an `up` that did not end well: going back, if it took a model down."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from provision.core.errors import Blocked, ProvisionError
from provision.core.exits import Exit
from provision.core.report import Report


def went_back(failed: Report, go_back: Callable[[], Report], cancel: threading.Event | None) -> Report:
    """What became of both: that it failed, and where the model answers now. Who has stopped the run wants no other."""
    if not took_down(failed) or (cancel is not None and cancel.is_set()):
        return failed
    try:
        back = go_back()
    except ProvisionError as error:
        return failed.with_errors(error)
    if back.ok:
        return replace(failed, outcome=back.outcome)
    return failed.with_errors(*back.errors) if back.errors else failed


def took_down(report: Report) -> bool:
    """Whether a model that served may have been stopped for a start that failed. What kept it from being stopped (the
    plan, or a proof) has taken nothing down: whoever has started it, maybe from another machine, it goes on."""
    plan = report.plan
    if report.exit_code != Exit.FAILED or plan is None or plan.blockers:
        return False
    if not any(stop.what.serves for stop in plan.stops):
        return False
    # `Stopped` of a service is called after it.
    done = {label.partition(",")[0] for host in report.hosts for label in host.changes}
    begun = any(stop.what.label in done for stop in plan.stops)
    return begun or not all(isinstance(error, Blocked) for error in report.errors)
