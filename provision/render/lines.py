"""The lines that an event leaves behind for good, the same on a terminal and in a pipe."""

from __future__ import annotations

from functools import singledispatchmethod

from provision.core import events
from provision.core.events import Event
from provision.render.plan import plan_lines
from provision.render.text import PLAIN, Paint, Style, clean, count, duration

#: A longer host name moves its own lines, not everybody's.
_WIDEST_NAME = 32


class EventLines:
    """Event → lines, each starting with its host, aligned. `verbose`: also what remote scripts print."""

    def __init__(self, paint: Paint = PLAIN, *, verbose: bool = False) -> None:
        self._paint = paint
        self._verbose = verbose
        self._width = 0
        self._checking = False

    def lines(self, event: Event) -> list[str]:
        return self._of(event)

    def prefixed(self, host: str, text: str) -> str:
        """`host` in front, padded to the widest host of the run; none for the run as a whole."""
        return f"{self._paint(Style.BOLD, host)}{' ' * (self._width - len(host))}  {text}" if host else text

    @singledispatchmethod
    def _of(self, _: Event) -> list[str]:
        return []

    @_of.register
    def _(self, event: events.RunStarted) -> list[str]:
        self._width = max((len(h) for h in event.hosts if len(h) <= _WIDEST_NAME), default=0)
        self._checking = event.command == "check"
        return [f"{event.command}: cluster {event.cluster}, {count(len(event.hosts), 'host')}"]

    @_of.register
    def _(self, event: events.Planned) -> list[str]:
        # What a check finds is said at its end, in the words of one who looks and not of one who acts.
        return [] if self._checking else plan_lines(event.plan, self._paint)

    @_of.register
    def _(self, event: events.StepDone) -> list[str]:
        verb = {"+": "created", "~": "updated", "-": "removed"}.get(event.action, event.action)
        text = f"{self._paint(Style.OK, verb)} {clean(event.label)}  {duration(event.seconds)}"
        return [self.prefixed(event.host, text)]

    @_of.register
    def _(self, event: events.StepSkipped) -> list[str]:
        return [self.prefixed(event.host, f"{self._paint(Style.DIM, 'skipped')} {clean(event.label)}: {event.why}")]

    @_of.register
    def _(self, event: events.Failed) -> list[str]:
        if not event.step:
            # Of a host that could not be looked at. What goes on without it is soon over, and says all of it then.
            return []
        message = clean((event.message.splitlines() or [""])[0])
        return [self.prefixed(event.host, f"{self._paint(Style.ERROR, 'error:')} {message}")]

    @_of.register
    def _(self, event: events.Note) -> list[str]:
        return [self.prefixed(event.host, clean(event.text))]

    @_of.register
    def _(self, event: events.Output) -> list[str]:
        return [self.prefixed(event.host, f"| {clean(event.line)}")] if self._verbose else []
