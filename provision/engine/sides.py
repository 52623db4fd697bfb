"""What a host does on several sides at the same time, told as one: whoever listens knows of one thing at a time."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import partial

from provision.core import events
from provision.core.events import Event, Listener

#: Between what is told of each side.
_AND = " · "

#: How far a side is that has not said so.
_NOT_SAID = "…"


class Sides:
    """`emit` hears it. Any thread may tell."""

    def __init__(self, emit: Listener, sides: Sequence[str]) -> None:
        self._emit = emit
        self._sides = list(sides)
        self._lock = threading.Lock()
        #: Host → side → what it is busy with, and how far that is.
        self._busy: dict[str, dict[str, tuple[str, str]]] = {}
        self._failed: set[str] = set()

    def of(self, side: str) -> Listener:
        return self._emit if len(self._sides) < 2 else partial(self._hear, side)

    def _hear(self, side: str, event: Event) -> None:
        with self._lock:
            busy = self._busy.setdefault(event.host, {})
            if isinstance(event, events.Doing):
                busy.pop(side, None)
                if event.what:
                    busy[side] = (event.what, "")
                self._tell(event.host, busy)
            elif isinstance(event, events.Progress):
                begins = side not in busy
                busy[side] = (side if begins else busy[side][0], event.text)
                if begins and len(busy) > 1:
                    self._tell(event.host, busy)
                else:
                    self._emit(events.Progress(event.host, self._far(event.host, busy)))
            else:
                if isinstance(event, events.Failed):
                    self._failed.add(event.host)
                    busy.pop(side, None)
                self._emit(event)

    def _tell(self, host: str, busy: Mapping[str, tuple[str, str]]) -> None:
        # Of a host that has failed that is what there is to see; how far the other side is goes with it.
        if host in self._failed:
            return
        whats = [busy[side][0] for side in self._sides if side in busy]
        self._emit(events.Doing(host, _AND.join(whats), passing=not whats))
        if far := self._far(host, busy):
            self._emit(events.Progress(host, far))

    def _far(self, host: str, busy: Mapping[str, tuple[str, str]]) -> str:
        """In the order of what it is busy with; which is said where nothing else says it."""
        told = [busy[side] for side in self._sides if side in busy]
        if host in self._failed:
            return _AND.join(f"{what}: {far}" for what, far in told if far)
        return _AND.join(far or _NOT_SAID for _, far in told) if any(far for _, far in told) else ""
