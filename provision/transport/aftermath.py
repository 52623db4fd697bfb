"""Why a connection broke, as far as another one can tell: the host was rebooted, or does not answer any more."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from provision.core.errors import ConnectionLost, HostError, ProvisionError, Unreachable
from provision.core.script import Script
from provision.payload.bundle import shell
from provision.transport.session import Session

#: A host that goes down may take connections for a moment after it has ended ours (seconds).
_PAUSE = 1.0


def aftermath(
    lost: HostError, opened: float, another: Callable[[], AbstractContextManager[Session]], cancel: threading.Event
) -> HostError:
    """The error to tell instead of `lost`, which is that itself where it is no broken connection, or nothing more is
    known. `opened`: when that connection was (monotonic seconds). `another`: opens one beside it."""
    if not isinstance(lost, ConnectionLost) or cancel.wait(_PAUSE):
        return lost
    try:
        with another() as session:
            (said,) = session.run([Script(shell("service/boot.sh", "service/age.sh"))], timeout=20)
    except Unreachable as gone:
        found = _as(type(gone), lost, f"{lost.message}, and since then: {gone.message}", gone.hint)
        found.evidence = gone.evidence
        found.address = gone.address  # type: ignore[attr-defined]
        return found
    except ProvisionError:
        return lost
    age, _, when = said.stdout.strip().partition("\n")
    with contextlib.suppress(ValueError):
        if said.ok and 0 <= int(age) <= time.monotonic() - opened:
            return _as(ConnectionLost, lost, f"the host was rebooted at {when}", "run it again")
    return lost


def _as(kind: type[HostError], lost: ConnectionLost, message: str, hint: str) -> HostError:
    error = kind(lost.host, message, hint=hint)
    error.index = lost.index  # type: ignore[attr-defined]  # which script of the batch it was
    return error
