"""Where the time of a run went, as part of a page: a row for each host with what was done there from left to right, and
what determined the end as a table below it. Pure SVG; its colours are classes of `page.html`, since the page allows no
style but its own."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence

from provision.core.timing import Span, Timings
from provision.core.visible import shown
from provision.render.text import cut, duration
from provision.render.timings import BETWEEN, percent, where

# All in units of the drawing, which is as wide as the page.
_WIDE, _NAMES, _ROW, _BAR, _TOP = 1000, 150, 20, 15, 18

#: Of a letter in a bar, about.
_LETTER = 6.0

#: With more hosts, those are drawn that determined the end, and then the ones that worked longest.
HOSTS_DRAWN = 40

_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)


def gantt(timings: Timings) -> str:
    """Empty for a run that has recorded nothing."""
    if not timings.spans or timings.seconds <= 0:
        return ""
    hosts, left_out = _hosts(timings)
    more = f" · {left_out} hosts that took less are not drawn" if left_out else ""
    return (
        f"<section class=timings><h2>Where {_text(duration(timings.seconds))} went "
        f"<small>outlined: what determined the end{more}</small></h2>"
        f"{_drawing(timings, hosts)}{_path(timings)}</section>"
    )


def _text(value: str) -> str:
    return html.escape(shown(value))


def _hosts(timings: Timings) -> tuple[list[str], int]:
    """In the order of their first part; and how many are left out."""
    worked: dict[str, float] = {}
    for span in timings.spans:
        worked[span.host] = worked.get(span.host, 0.0) + span.seconds
    critical = {span.host for span in timings.path}
    ranked = sorted(worked, key=lambda host: (host not in critical, -worked[host]))
    drawn = set(ranked[:HOSTS_DRAWN])
    return [host for host in worked if host in drawn], len(worked) - len(drawn)


def _drawing(timings: Timings, hosts: Sequence[str]) -> str:
    critical = set(map(id, timings.path))
    scale = (_WIDE - _NAMES - 2) / timings.seconds

    def at(seconds: float) -> float:
        return _NAMES + seconds * scale

    parts, row = [], 0
    for host in hosts:
        lanes = _lanes([span for span in timings.spans if span.host == host])
        name = host or "here"
        top = _TOP + row * _ROW
        parts.append(f"<text class=name x=0 y={top + 11}>{_text(cut(name, 22))}<title>{_text(name)}</title></text>")
        for lane, spans in enumerate(lanes):
            parts += [_bar(timings, span, top + lane * _ROW, at, on_path=id(span) in critical) for span in spans]
        row += len(lanes)
    height = _TOP + row * _ROW + 2
    return (
        f'<svg viewBox="0 0 {_WIDE} {height}" role=img aria-label="what was done on each host, and when">'
        f"{_axis(timings.seconds, height, at)}{''.join(parts)}</svg>"
    )


def _lanes(spans: Sequence[Span]) -> list[list[Span]]:
    """What was done at the same time stands in rows of its own."""
    lanes: list[list[Span]] = []
    for span in spans:
        free = next((lane for lane in lanes if lane[-1].ended <= span.began), None)
        if free is None:
            lanes.append([span])
        else:
            free.append(span)
    return lanes


def _bar(timings: Timings, span: Span, top: float, at: Callable[[float], float], *, on_path: bool) -> str:
    x, wide = at(span.began), max(1.0, at(span.ended) - at(span.began))
    classes = " ".join([span.kind, *(["path"] if on_path else []), *([] if span.done else ["undone"])])
    said = f"{span.name} on {span.host}" if span.host else span.name
    said += "" if span.done else ", failed"
    share = percent(timings.share(span.seconds))
    about = f"{said}: {span.seconds:.2f} s ({share} of all), from {span.began:.2f} s to {span.ended:.2f} s"
    room = int((wide - 6) / _LETTER)
    word = f"<text x={x + 3:.1f} y={top + 11}>{_text(cut(span.name, room))}</text>" if room >= 4 else ""
    return (
        f'<g class="{classes}"><title>{_text(about)}</title>'
        f'<rect x="{x:.1f}" y="{top}" width="{wide:.1f}" height="{_BAR}" rx="2"/>{word}</g>'
    )


def _axis(seconds: float, height: int, at: Callable[[float], float]) -> str:
    step = next((tick for tick in _TICKS if seconds / tick <= 8), _TICKS[-1])
    # Beyond the last of them there are no more lines than this, however long the run was.
    moments = [step * number for number in range(min(60, int(seconds / step) + 1))]
    return "".join(
        f'<path class=tick d="M{at(moment):.1f} {_TOP - 4}V{height}"/>'
        f"<text class=tick x={at(moment):.1f} y=10>{_text(_moment(moment))}</text>"
        for moment in moments
    )


def _moment(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:g} s"
    return f"{seconds / 60:g} min" if seconds < 3600 else f"{seconds / 3600:g} h"


def _path(timings: Timings) -> str:
    rows = [(span.seconds, span.name + ("" if span.done else " (failed)"), where(span)) for span in timings.path] + [
        (timings.between, BETWEEN, "")
    ]
    cells = "".join(
        f"<tr><td>{seconds:.1f} s<td>{percent(timings.share(seconds))}<th scope=row>{_text(name)}<td>{_text(host)}"
        for seconds, name, host in rows
    )
    return f"<table><caption>what determined the end, one after another</caption>{cells}</table>"
