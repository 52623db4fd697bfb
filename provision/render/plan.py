"""A plan for people: `+` create, `~` update, `-` remove, each with before → after; `!` what blocks it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from provision.core.plan import Action, Change, Mode, Plan, Stop
from provision.core.values import dataclass
from provision.render.findings import details
from provision.render.merged import Merged, entries
from provision.render.text import PLAIN, Paint, Style, cells, clean, count, duration, named, pad

_STYLE = {Action.CREATE: Style.ADD, Action.UPDATE: Style.CHANGE, Action.REMOVE: Style.REMOVE}

#: From this many changes on, those that are the same on several hosts share a line.
MERGE_FROM = 12

#: Lines about one change that are not worth reading twice.
_LONG = 2


@dataclass(frozen=True)
class _Row:
    action: Action
    label: str
    details: tuple[str, ...]
    hosts: tuple[str, ...]


def plan_lines(plan: Plan, paint: Paint = PLAIN) -> list[str]:
    """A line per change, more where it has several differences; nothing for an empty plan."""
    rows = _rows(plan)
    if len(rows) >= MERGE_FROM:
        rows = _merged(rows)
    rows = _told_once(rows)
    widths = (max((len(named(r.hosts)) for r in rows), default=0), max((cells(r.label) for r in rows), default=0))
    lines = [line for row in rows for line in _row_lines(row, widths, paint)]
    lines += interruption_lines(plan)
    for entry in entries(plan.blockers):
        lines += _blocker_lines(entry, paint)
    return lines


def question_lines(plan: Plan) -> list[str]:
    """What a person is asked about: that a model stops answering, or that data is removed. Empty: nothing of that."""
    removed = sorted({clean(c.step.resource.label) for c in plan.changes}) if plan.mode is Mode.PURGE else []
    lines = [f"to be removed: {', '.join(removed)}"] if removed else []
    model = _model(plan)
    if model == _ENDS:
        serving = _named(stop for stop in plan.stops if stop.what.serves)
        lines.append(f"the model will no longer answer: {serving}")
    elif model == _RESTARTS:
        lines.append(f"the model is restarted, and does not answer {_how_long(plan)}")
    return lines


def interruption_lines(plan: Plan) -> list[str]:
    """What of what runs is stopped, and for about how long the model does not answer."""
    gone = _gone(plan)
    ended = _named(stop for stop in plan.stops if stop.step in gone)
    restarted = _named(stop for stop in plan.stops if stop.step not in gone)
    lines = [f"to be stopped: {ended}"] if ended else []
    lines += [f"to be restarted: {restarted}"] if restarted else []
    model = "" if plan.mode.removes else _model(plan)
    if model == _RESTARTS:
        lines.append(f"meanwhile the model does not answer, {_how_long(plan)}")
    elif model == _ENDS:
        lines.append("the model will no longer answer")
    return lines


_RESTARTS, _ENDS = "restarts", "ends"


def _model(plan: Plan) -> str:
    """What becomes of a model that serves; empty: it goes on, or there is none."""
    labels = {stop.what.label for stop in plan.stops if stop.what.serves}
    gone = _gone(plan)
    again = any(stop.what.serves and stop.step not in gone for stop in plan.stops)
    # Elsewhere, or under another name.
    again = again or any(c.step.resource.label in labels for c in plan.changes if c.step.key not in gone)
    if again or not labels:
        return _RESTARTS if again else ""
    return "" if any(step.resource.label in labels for step in plan.unchanged) else _ENDS


def _gone(plan: Plan) -> set[str]:
    """Keys of what is not there any more afterwards."""
    return {change.step.key for change in plan.changes if change.action is Action.REMOVE}


def _named(stops: Iterable[Stop]) -> str:
    return ", ".join(f"{clean(stop.what.label)} on {stop.host}" for stop in stops)


def _how_long(plan: Plan) -> str:
    """Hosts work side by side, and one kind of service after the other."""
    took: dict[str, float] = {}
    for stop in plan.stops:
        if stop.what.seconds is not None:
            took[stop.what.label] = max(took.get(stop.what.label, 0.0), stop.what.seconds)
    if not all(stop.what.label in took for stop in plan.stops if stop.what.serves):
        return "for how long is not known: its last start was not timed"
    return f"for about {duration(sum(took.values()))}, as long as its last start took"


def totals(plan: Plan) -> str:
    """`3 changes on 2 hosts, 1 thing in the way`; empty for an empty plan."""
    return ", ".join(part for part in (changed(plan), hindered(plan)) if part)


def changed(plan: Plan) -> str:
    """`3 changes on 2 hosts`; empty for none."""
    hosts = {c.step.host for c in plan.changes}
    return f"{count(len(plan.changes), 'change')} on {count(len(hosts), 'host')}" if hosts else ""


def hindered(plan: Plan) -> str:
    """`1 thing in the way`; empty for none."""
    blockers = entries(plan.blockers)
    return f"{count(len(blockers), 'thing')} in the way" if blockers else ""


def _rows(plan: Plan) -> list[_Row]:
    by_key = {c.step.key: c for c in plan.changes}
    rows = []
    for change in plan.changes:
        served = plan.served.get(change.step.key, "")
        details = (*_details(change, by_key), *([clean(served)] if served else ()))
        rows.append(_Row(change.action, clean(change.step.resource.label), details, (change.step.host,)))
    return rows


def _merged(rows: Sequence[_Row]) -> list[_Row]:
    hosts: dict[tuple[Action, str, tuple[str, ...]], list[str]] = {}
    for row in rows:
        hosts.setdefault((row.action, row.label, row.details), []).extend(row.hosts)
    return [_Row(*key, tuple(names)) for key, names in hosts.items()]


def _told_once(rows: Sequence[_Row]) -> list[_Row]:
    """Where a host gets the same long list as another one, that is said instead."""
    first: dict[tuple[str, tuple[str, ...]], _Row] = {}
    found = []
    for row in rows:
        same = first.setdefault((row.label, row.details), row)
        again = same is not row and len(row.details) > _LONG
        found.append(replace(row, details=(f"the same as on {named(same.hosts)}",)) if again else row)
    return found


def _details(change: Change, by_key: dict[str, Change]) -> list[str]:
    if change.action is Action.CREATE:
        return [clean(line) for line in change.step.resource.not_known(change.have)]
    if change.action is not Action.UPDATE:
        return []
    details = [clean(line) for line in change.step.resource.in_plan(change.have, change.differences)]
    if change.because:
        cause = by_key.get(change.because)
        name = f"{cause.step.resource.label} on {cause.step.host}" if cause else change.because
        details.append(f"because {clean(name)} changes")
    return details


def _row_lines(row: _Row, widths: tuple[int, int], paint: Paint) -> list[str]:
    head = f"{named(row.hosts):<{widths[0]}}  {pad(row.label, widths[1])}"
    first, *more = row.details or ("",)
    lines = [f"{paint(_STYLE[row.action], row.action.value)} {head}  {first}".rstrip()]
    return lines + [f"  {'':<{cells(head)}}  {detail}" for detail in more]


def _blocker_lines(entry: Merged, paint: Paint) -> list[str]:
    """The same one of several hosts is one, as `check` has it."""
    where = f"{named(entry.hosts)}: " if entry.hosts[0] else ""
    lines = [f"{paint(Style.ERROR, '!')} {clean(where + entry.message)}"]
    lines += [f"    {line}" for line in details(entry)]
    if hint := entry.text("hint"):
        lines.append(f"  {paint(Style.HINT, 'hint:')} {clean(hint)}")
    return lines
