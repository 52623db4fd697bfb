"""No more bytes leave this machine in a second than the inventory allows, to all hosts together."""

from __future__ import annotations

import threading
import time


class Pace:
    """For all threads of a run. `rate`: bytes in a second, 0 for no limit. `cancel`: ends every wait."""

    def __init__(self, rate: float, cancel: threading.Event) -> None:
        self._rate = rate
        self._cancel = cancel
        self._free = 0.0
        self._taking = threading.Lock()

    def take(self, size: int) -> None:
        """Returns when so many bytes may leave: each has its turn after those that asked before it."""
        if not self._rate:
            return
        with self._taking:
            now = time.monotonic()
            begins = max(self._free, now)
            self._free = begins + size / self._rate
        if begins > now:
            self._cancel.wait(begins - now)

    @property
    def rate(self) -> float:
        return self._rate
