"""The files of a stretch, to its host, before its scripts run there."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from provision.core import events
from provision.core.errors import Cancelled
from provision.core.events import Listener
from provision.core.script import Script
from provision.core.stopwatch import Stopwatch
from provision.engine.ahead import ends_ahead
from provision.engine.schedule import Stretch
from provision.transport import Session

#: Seconds between two words about how far it is.
_EVERY = 0.2


def send(
    session: Session,
    stretch: Stretch,
    scripts: Sequence[Script],
    emit: Listener,
    watch: Stopwatch,
    ends: threading.Event,
    *,
    waited: bool = False,
) -> None:
    """Raises as Session.send; Cancelled, too, once `ends` is set: what is sent goes on from there the next time,
    and where nothing is to be sent no script is to begin. `waited`: for the files of another side."""
    gone = f"not needed on {stretch.host} any more"
    if ends.is_set():  # while it waited for its turn
        raise Cancelled(gone)
    uploads = [upload for script in scripts for upload in script.uploads]
    if not uploads:
        return
    host, last = stretch.host, 0.0
    # What may take hours has a name of its own: something else is being made beside it.
    alone = all(map(ends_ahead, stretch.changes))
    what = f"receiving {stretch.changes[0].step.resource.label}" if alone else "receiving files"
    emit(events.Doing(host, what))

    def moved(sent: int, total: int) -> None:
        nonlocal last
        if ends.is_set():
            raise Cancelled(gone)
        if sent == total or time.monotonic() - last >= _EVERY:
            last = time.monotonic()
            emit(events.Progress(host, f"{sent >> 20}/{total >> 20} MiB"))

    awaited = tuple(dict.fromkeys(key for change in stretch.changes for key in change.step.after))
    with watch.part("files", what, host, after=awaited, behind=watch.files(host) if waited else None):
        session.send(uploads, on_bytes=moved)
