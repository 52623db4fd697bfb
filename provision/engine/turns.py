"""The order in which files come to a host that is sent those of several sides at the same time."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

# How often (seconds) whoever waits sees whether there is still something to wait for.
_LOOK = 0.2


class AnyOf(threading.Event):
    """Set once one of these is. To be looked at, not waited for."""

    def __init__(self, *events: threading.Event) -> None:
        super().__init__()
        self._events = events

    def is_set(self) -> bool:
        return any(event.is_set() for event in self._events)


class Turn:
    """Of one side, on the line to each of its hosts. `after`: the turns that come before it; it waits for none of them
    once `ends` is set."""

    def __init__(
        self, hosts: Iterable[str] = (), *, after: Sequence[Turn] = (), ends: threading.Event | None = None
    ) -> None:
        self._over = {host: threading.Event() for host in hosts}
        self._after, self._ends = after, ends or threading.Event()

    @property
    def waits(self) -> bool:
        return bool(self._after)

    def wait(self, host: str = "") -> None:
        """Until it is there, on `host` or on all of them."""
        before = [event for turn in self._after for name, event in turn._over.items() if host in ("", name)]
        for event in before:
            while not event.wait(_LOOK) and not self._ends.is_set():
                pass

    def over(self, host: str = "") -> None:
        """Nothing more is sent in it, to `host` or to any of them."""
        for name, event in self._over.items():
            if host in ("", name):
                event.set()
