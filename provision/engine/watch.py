"""What the scripts of a batch say while they run, as events; and when each change began."""

from __future__ import annotations

import time
from collections.abc import Sequence

from provision.core import events
from provision.core.events import Listener
from provision.core.plan import Change


class Watch:
    """Turns the live lines of a batch into events, and notes when each change began."""

    def __init__(self, host: str, changes: Sequence[Change], emit: Listener) -> None:
        self._host = host
        self._changes = changes
        self._emit = emit
        self._began: dict[int, float] = {}
        self._ended = 0.0

    def line(self, fragment: int, stream: str, line: str) -> None:
        index, is_probe = divmod(fragment, 2)
        if is_probe:
            return
        if index not in self._began:
            self._began[index] = time.monotonic()
            self._emit(events.Doing(self._host, self._changes[index].step.resource.label))
        events.heard(self._host, stream, line, self._emit)

    def finish(self) -> None:
        self._ended = time.monotonic()

    def has_begun(self, index: int) -> bool:
        return index in self._began

    def span(self, index: int) -> tuple[float, float]:
        """When the change began and ended (monotonic seconds)."""
        return self._began.get(index, self._ended), self._began.get(index + 1, self._ended)

    def seconds(self, index: int) -> float:
        began, ended = self.span(index)
        return ended - began
