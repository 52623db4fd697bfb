"""Hands the events of a run to all views, one after another, on one thread of its own.

Events come from many threads and a slow terminal must not hold them up: they are queued with the time they
happened. Since one thread alone calls the views, no view needs a lock.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from types import TracebackType

from provision.core.events import Event

#: Seconds between two redraws of what moves by itself.
TICK = 1 / 8


class View(ABC):
    """`at` and `now` are seconds since the epoch."""

    @abstractmethod
    def handle(self, event: Event, at: float) -> None:
        """Something happened at `at`."""

    def tick(self, now: float) -> None:  # noqa: B027 - most views only care for events
        """Called about every `TICK` seconds."""

    def pause(self) -> None:  # noqa: B027
        """Somebody else writes to the terminal, until the next tick."""

    def close(self) -> None:  # noqa: B027
        """The run is over: leave the terminal or the file as it should stay."""


class _Hold:
    def __init__(self) -> None:
        self.reached = threading.Event()
        self.over = threading.Event()


class Fanout:
    """A listener for a run, and a context in which it may be called.

    A view that raises gets no more events, the others go on, and the first such error is raised on leaving.
    """

    def __init__(self, views: Sequence[View]) -> None:
        self._views = list(views)
        self._queue: SimpleQueue[tuple[Event, float] | _Hold | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._loop, name="views", daemon=True)
        self._error: Exception | None = None
        # Seconds since the epoch, as they were when it began: a step of the clock makes nothing last for hours, or less
        # than nothing.
        self._epoch = time.time() - time.monotonic()

    def __call__(self, event: Event) -> None:
        """May be called from any thread, and from a signal handler: SimpleQueue.put is reentrant."""
        self._queue.put((event, self._epoch + time.monotonic()))

    def __enter__(self) -> Fanout:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._queue.put(None)
        self._thread.join()
        if self._error is not None and error is None:
            raise self._error

    @contextmanager
    def held(self) -> Iterator[None]:
        """Everything so far is shown, and nothing more until this ends: for a question to the person."""
        hold = _Hold()
        self._queue.put(hold)
        hold.reached.wait()
        try:
            yield
        finally:
            hold.over.set()

    def _loop(self) -> None:
        due = time.monotonic() + TICK
        while True:
            try:
                item = self._queue.get(timeout=max(0.0, due - time.monotonic()))
            except Empty:
                self._each("tick", None, self._epoch + time.monotonic())
                due = time.monotonic() + TICK
                continue
            if item is None:
                break
            if isinstance(item, _Hold):
                self._each("pause", None, 0.0)
                item.reached.set()
                item.over.wait()
                continue
            self._each("handle", *item)
            if time.monotonic() >= due:
                self._each("tick", None, self._epoch + time.monotonic())
                due = time.monotonic() + TICK
        self._each("close", None, 0.0)

    def _each(self, what: str, event: Event | None, at: float) -> None:
        for view in tuple(self._views):
            try:
                if event is not None:
                    view.handle(event, at)
                elif what == "tick":
                    view.tick(at)
                elif what == "pause":
                    view.pause()
                else:
                    view.close()
            except Exception as error:  # re-raised by __exit__, in the thread that can answer for it
                self._error = self._error or error
                self._views.remove(view)
