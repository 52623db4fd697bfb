"""The view for pipes and logs of others: lines with the host in front, no control codes, progress now and then."""

from __future__ import annotations

from provision.core.events import Connected, Doing, Event, Progress
from provision.core.values import dataclass
from provision.render.fanout import View
from provision.render.lines import EventLines
from provision.render.out import Out
from provision.render.text import PLAIN, Paint, clean, duration

#: Seconds between two progress lines of one host.
EVERY = 10.0


@dataclass
class _Host:
    what: str = ""
    said: float = 0.0
    waiting: str = ""


class PlainView(View):
    """What a host does is said when it changes; how far it is at most every `EVERY` seconds."""

    def __init__(self, out: Out, paint: Paint = PLAIN, *, verbose: bool = False) -> None:
        self._out = out
        self._lines = EventLines(paint, verbose=verbose)
        self._verbose = verbose
        self._hosts: dict[str, _Host] = {}

    def handle(self, event: Event, at: float) -> None:
        host = self._hosts.setdefault(event.host, _Host(said=at))
        if isinstance(event, Doing):
            if event.what != host.what:
                self._hosts[event.host] = _Host(event.what, at)
                if event.what and (self._verbose or not event.passing):
                    self._say(event.host, event.what)
        elif isinstance(event, Progress):
            host.waiting = event.text
            self._progress(event.host, at)
        elif isinstance(event, Connected):
            self._say(event.host, f"connected  {duration(event.seconds)}")
        else:
            self._out.lines(self._lines.lines(event))

    def tick(self, now: float) -> None:
        """What was held back becomes due even if the host says nothing more."""
        for name in self._hosts:
            self._progress(name, now)

    def _progress(self, name: str, now: float) -> None:
        host = self._hosts[name]
        if host.waiting and now - host.said >= EVERY:
            self._say(name, f"{host.what}: {host.waiting}" if host.what else host.waiting)
            host.said, host.waiting = now, ""

    def _say(self, host: str, text: str) -> None:
        self._out.line(self._lines.prefixed(host, clean(text)))
