"""After an `up` that did not end well: going back, if it took a model down."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from provision.core.errors import ProvisionError
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
    """Whether a model that served may have been stopped for a start that failed."""
    stops = report.plan.stops if report.plan is not None else ()
    return report.exit_code == Exit.FAILED and any(stop.what.serves for stop in stops)
