"""What every host is doing at this moment, folded from events, as lines that fit a terminal. Pure: no clock."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from provision.core import events
from provision.core.events import Event
from provision.render.text import PLAIN, Paint, Style, clean, clock, cut

_WAITING, _BUSY, _DONE, _FAILED = "waiting", "busy", "done", "failed"
_ORDER = (_BUSY, _WAITING, _DONE, _FAILED)

#: Up to this many hosts all are listed; beyond, those that are busy.
_LIST_ALL = 8
_WIDEST_NAME = 24
_ELAPSED = 7
_GAP = "  "


@dataclass
class HostLine:
    """`since`: when the host began what it is doing, seconds since the epoch. `left`: changes still to make."""

    host: str
    state: str = _WAITING
    what: str = ""
    progress: str = ""
    since: float = 0.0
    left: int = 0


class Board:
    def __init__(self) -> None:
        self._hosts: dict[str, HostLine] = {}
        self._began: float | None = None

    def handle(self, event: Event, at: float) -> None:
        if isinstance(event, events.RunStarted):
            self._began = at
            self._hosts = {name: HostLine(name, since=at) for name in event.hosts}
        elif isinstance(event, events.RunDone):
            self._began = None
        elif isinstance(event, events.Planned):
            self._planned(event, at)
        elif event.host:
            self._host(self._hosts.setdefault(event.host, HostLine(event.host, since=at)), event, at)

    def lines(self, now: float, width: int, height: int, paint: Paint = PLAIN) -> list[str]:
        """At most `height` lines of at most `width` characters; the last one counts the hosts by state."""
        if self._began is None or height < 1:
            return []
        shown = [h for h in self._hosts.values() if h.state == _BUSY or len(self._hosts) <= _LIST_ALL]
        hidden = max(0, len(shown) - (height - 1))
        shown = shown[: height - 1]
        return [*_rows(shown, now, width, paint), self._summary(hidden, now, width)]

    def _summary(self, hidden: int, now: float, width: int) -> str:
        counted = Counter(h.state for h in self._hosts.values())
        parts = [f"{counted[state]} {state}" for state in _ORDER if counted[state]]
        if hidden:
            parts[0] += f" ({hidden} not shown)"
        return cut(f"{clock(now - (self._began or now))}{_GAP}{' · '.join(parts)}", width)

    def _planned(self, event: events.Planned, at: float) -> None:
        left = Counter(change.step.host for change in event.plan.changes)
        for line in self._hosts.values():
            if line.state == _FAILED:
                continue
            line.left = left[line.host]
            _set(line, _WAITING if line.left else _DONE, "", at)

    def _host(self, line: HostLine, event: Event, at: float) -> None:
        if isinstance(event, events.Doing):
            _set(line, _BUSY, event.what, at)
        elif isinstance(event, events.Progress):
            line.progress = event.text
        elif isinstance(event, (events.StepDone, events.StepSkipped)):
            line.left -= 1
            if line.state != _FAILED:
                what = "skipped" if isinstance(event, events.StepSkipped) else ""
                _set(line, _WAITING if line.left > 0 else _DONE, what, at)
        elif isinstance(event, events.Failed):
            _set(line, _FAILED, event.message, at)
        elif isinstance(event, events.HostDone):
            good = event.status in ("ok", "changed", "drift")
            _set(line, _DONE if good else _FAILED, event.status, at)


def _set(line: HostLine, state: str, what: str, at: float) -> None:
    line.state, line.what, line.since, line.progress = state, what, at, ""


def _rows(shown: list[HostLine], now: float, width: int, paint: Paint) -> list[str]:
    whats = [clean((line.what.splitlines() or [""])[0]) or line.state for line in shown]
    name_width = min(max((len(line.host) for line in shown), default=0), _WIDEST_NAME, max(1, width // 3))
    room = max(0, width - name_width - _ELAPSED - 2 * len(_GAP))
    busy = [len(what) for what, line in zip(whats, shown, strict=True) if line.progress]
    what_width = min(max(busy, default=0), room // 2)
    rows = []
    for line, what in zip(shown, whats, strict=True):
        text = f"{cut(what, what_width):<{what_width}}{_GAP}{clean(line.progress)}" if line.progress else what
        elapsed = clock(now - line.since) if line.state == _BUSY else ""
        body = f"{cut(text, room):<{room}}{_GAP}{elapsed:>{_ELAPSED}}"
        body = cut(body.rstrip(), max(0, width - name_width - len(_GAP)))
        gap = _GAP if body else ""
        name = f"{cut(line.host, name_width):<{name_width}}"
        rows.append(f"{paint(Style.BOLD, name)}{gap}{_coloured(line.state, body, paint)}")
    return rows


def _coloured(state: str, body: str, paint: Paint) -> str:
    if state == _FAILED:
        return paint(Style.ERROR, body)
    return paint(Style.DIM, body) if state in (_WAITING, _DONE) else body
