"""What a run writes down of its own time: a few hundred bytes for each part, and nothing while it lasts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from provision.core.timing import Kind, Span

#: Seconds: work of this machine, or waiting, that took less is no part of a run.
_WORTH_A_PART = 0.01


class Stopwatch:
    """For one run. Any thread may write. `side`: of what is written down."""

    def __init__(self, side: str = "") -> None:
        #: In monotonic seconds.
        self.began = time.monotonic()
        #: What all that begins from now on has waited for.
        self.behind: Span | None = None
        self._spans: list[Span] = []
        self._side = side

    @property
    def spans(self) -> tuple[Span, ...]:
        return tuple(self._spans)

    def beside(self, side: str) -> Stopwatch:
        """For what is done at the same time: it writes down for the same run, and what is waited for there is waited
        for there alone."""
        other = Stopwatch(side)
        other.began, other.behind, other._spans = self.began, self.behind, self._spans
        return other

    def write(
        self,
        kind: Kind,
        name: str,
        host: str,
        began: float,
        ended: float,
        *,
        step: str = "",
        after: tuple[str, ...] = (),
        behind: Span | None = None,
        done: bool = True,
    ) -> None:
        """`began`, `ended`: in monotonic seconds. Without a `behind` it is what all wait for by now."""
        if kind in ("here", "wait") and ended - began < _WORTH_A_PART:
            return
        behind = behind or self.behind
        self._spans.append(
            Span(kind, name, host, began - self.began, ended - self.began, step, after, behind, done, self._side)
        )

    @contextmanager
    def part(
        self, kind: Kind, name: str, host: str = "", *, after: tuple[str, ...] = (), behind: Span | None = None
    ) -> Iterator[None]:
        began, done, behind = time.monotonic(), False, behind or self.behind
        try:
            yield
            done = True
        finally:
            self.write(kind, name, host, began, time.monotonic(), after=after, behind=behind, done=done)

    def last(self, kind: Kind | None = None) -> Span | None:
        """Of all that has ended, what ended last; or of this kind, on this side."""
        ended = (span for span in self._spans if kind is None or (kind, self._side) == (span.kind, span.side))
        return max(ended, key=lambda span: span.ended, default=None)

    def files(self, host: str) -> Span | None:
        """What it has received last, on whichever side."""
        return next((span for span in reversed(self._spans) if (span.kind, span.host) == ("files", host)), None)

    def all_waited(self, kind: Kind | None = None) -> None:
        """Whatever has begun (of this kind) is over: what begins from now on waited for it."""
        last = self.last(kind)
        if last is not None and (self.behind is None or last.ended >= self.behind.ended):
            self.behind = last
