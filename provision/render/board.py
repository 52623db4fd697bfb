"""What every host is doing at this moment, or whom it waits for, folded from events, as lines that fit a terminal.
Pure: no clock."""

from __future__ import annotations

from collections import Counter
from dataclasses import field

from provision.core import events
from provision.core.events import Event
from provision.core.playbook import Step
from provision.core.values import dataclass
from provision.render.text import PLAIN, Paint, Style, cells, clean, clock, count, cut, cut_at_word, pad

_WAITING, _BUSY, _DONE, _FAILED = "waiting", "busy", "done", "failed"
_ORDER = (_BUSY, _WAITING, _DONE, _FAILED)

#: Up to this many hosts all are listed; beyond, those that are busy.
_LIST_ALL = 8

#: Up to this many hosts are named that another one waits for.
_NAMED = 2
_WIDEST_NAME = 24
_ELAPSED = 7
_GAP = "  "


@dataclass
class HostLine:
    """`since`: when the host began what it is doing, seconds since the epoch. `passing`: that is none of its steps.
    `steps`: those that change, by key, in order; `over`: the keys of those that are done, or skipped."""

    host: str
    state: str = _WAITING
    what: str = ""
    progress: str = ""
    since: float = 0.0
    passing: bool = False
    steps: dict[str, Step] = field(default_factory=dict)
    over: set[str] = field(default_factory=set)

    @property
    def next(self) -> Step | None:
        return next((step for key, step in self.steps.items() if key not in self.over), None)

    @property
    def number(self) -> str:
        """Of the step that it is at: `2/5`."""
        return f"{min(len(self.over) + 1, len(self.steps))}/{len(self.steps)}" if self.steps else ""


class Board:
    def __init__(self) -> None:
        self._hosts: dict[str, HostLine] = {}
        self._began: float | None = None
        self._removes = False

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
        whats = [self._what(line) for line in shown]
        return [*_rows(shown, whats, now, width, paint), self._summary(hidden, now, width)]

    def _what(self, line: HostLine) -> str:
        said = clean((line.what.splitlines() or [""])[0])
        if line.state == _BUSY:
            return said if line.passing or not line.number else f"{line.number} {said}"
        if line.state == _WAITING and not said:
            return self._waits_for(line)
        return said or line.state

    def _waits_for(self, line: HostLine) -> str:
        """The steps of other hosts that come before its next one; else whoever is still busy, as in a proof."""
        step = line.next
        steps = {key: (other.host, step) for other in self._hosts.values() for key, step in other.steps.items()}
        over = {key for other in self._hosts.values() for key in other.over}
        before = (
            [] if step is None or self._removes else [key for key in step.after if key in steps and key not in over]
        )
        found = [(host, wanted.resource.label) for host, wanted in map(steps.__getitem__, before) if host != line.host]
        if not found:
            found = [(h.host, h.what) for h in self._hosts.values() if h.state == _BUSY and h is not line and h.what]
        if not found:
            return _WAITING
        names = list(dict.fromkeys(host for host, _ in found))
        whom = ", ".join(names[:_NAMED]) + (f" and {count(len(names) - _NAMED, 'host')}" if len(names) > _NAMED else "")
        labels = list(dict.fromkeys(clean(label) for _, label in found))
        return f"waiting for {whom}" + (f": {labels[0]}" if len(labels) == 1 else "")

    def _summary(self, hidden: int, now: float, width: int) -> str:
        counted = Counter(h.state for h in self._hosts.values())
        parts = [f"{counted[state]} {state}" for state in _ORDER if counted[state]]
        if hidden:
            parts[0] += f" ({hidden} not shown)"
        steps = sum(len(line.steps) for line in self._hosts.values())
        if steps:
            parts.append(f"{sum(len(line.over) for line in self._hosts.values())} of {count(steps, 'step')}")
        return cut(f"{clock(now - (self._began or now))}{_GAP}{' · '.join(parts)}", width)

    def _planned(self, event: events.Planned, at: float) -> None:
        self._removes = event.plan.mode.removes
        for line in self._hosts.values():
            if line.state == _FAILED:
                continue
            line.steps = {c.step.key: c.step for c in event.plan.changes if c.step.host == line.host}
            line.over = set()
            _set(line, _WAITING if line.steps else _DONE, "", at)

    def _host(self, line: HostLine, event: Event, at: float) -> None:
        if isinstance(event, events.Doing):
            _set(line, _BUSY if event.what else _WAITING if line.next or not line.steps else _DONE, event.what, at)
            line.passing = event.passing
        elif isinstance(event, events.Progress):
            line.progress = event.text
        elif isinstance(event, (events.StepDone, events.StepSkipped)):
            # What is stopped first is no step of the plan.
            line.over |= {event.step} & line.steps.keys()
            if line.state != _FAILED:
                what = "skipped" if isinstance(event, events.StepSkipped) else ""
                _set(line, _WAITING if line.next else _DONE, what, at)
        elif isinstance(event, events.Failed):
            _set(line, _FAILED, event.message, at)
        elif isinstance(event, events.HostDone):
            good = event.status in ("ok", "changed", "drift")
            _set(line, _DONE if good else _FAILED, event.status, at)


def _set(line: HostLine, state: str, what: str, at: float) -> None:
    line.state, line.what, line.since, line.progress = state, what, at, ""


def _rows(shown: list[HostLine], whats: list[str], now: float, width: int, paint: Paint) -> list[str]:
    name_width = min(max((len(line.host) for line in shown), default=0), _WIDEST_NAME, max(1, width // 3))
    room = max(0, width - name_width - _ELAPSED - 2 * len(_GAP))
    # What is cut off leaves its room to how far it is.
    busy = [cut_at_word(what, room // 2) for what, line in zip(whats, shown, strict=True) if line.progress]
    what_width = max(map(cells, busy), default=0)
    rows = []
    for line, what in zip(shown, whats, strict=True):
        text = f"{pad(cut_at_word(what, room // 2), what_width)}{_GAP}{clean(line.progress)}" if line.progress else what
        elapsed = clock(now - line.since) if line.state == _BUSY else ""
        body = f"{pad(cut_at_word(text, room), room)}{_GAP}{elapsed:>{_ELAPSED}}"
        body = cut(body.rstrip(), max(0, width - name_width - len(_GAP)))
        gap = _GAP if body else ""
        name = f"{cut(line.host, name_width):<{name_width}}"
        rows.append(f"{paint(Style.BOLD, name)}{gap}{_coloured(line.state, body, paint)}")
    return rows


def _coloured(state: str, body: str, paint: Paint) -> str:
    if state == _FAILED:
        return paint(Style.ERROR, body)
    return paint(Style.DIM, body) if state in (_WAITING, _DONE) else body
