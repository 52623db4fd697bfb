"""Connecting again where a failure may pass."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from provision.transport.handshake import Transient

T = TypeVar("T")

#: Connecting is tried this often at most, and no new try begins `connect_timeout` after the first: sshd drops
#: connections at random while too many are being opened (MaxStartups), and names may not resolve for a moment.
ATTEMPTS = 8


def patiently(attempt: Callable[[], T], timeout: float, cancel: threading.Event) -> T:
    """Tries until it works, fails in a way that does not pass, or has taken `timeout` seconds. Raises what `attempt`
    raises; of a Transient, the error that it holds."""
    deadline = time.monotonic() + timeout
    try:
        return attempt()
    except Transient as failure:
        failures = [failure]
    import tenacity  # brings asyncio along, and most runs need no second try

    def again() -> T:
        if failures:  # the one from above, so that it counts
            raise failures.pop()
        return attempt()

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(Transient),
        stop=lambda state: state.attempt_number >= ATTEMPTS or time.monotonic() >= deadline,
        wait=tenacity.wait_random_exponential(multiplier=0.3, max=2),
        sleep=tenacity.sleep_using_event(cancel),
        reraise=True,
    )
    try:
        result: T = retrying(again)
    except Transient as failure:
        raise failure.error from failure.error.__cause__
    return result
