"""A run as one page of HTML that needs nothing but itself: to be attached to a ticket, and opened years later.

The page is its own data. The list of findings and the table are plain HTML, written here; the script in
`page.html` only sorts, filters and unfolds what is there. So the page also says everything without a script.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from importlib.resources import files

from provision.core.finding import AREAS, Against
from provision.core.report import Report, Since
from provision.core.visible import shown
from provision.core.wording import span
from provision.render.html_gantt import gantt
from provision.render.html_matrix import (
    ACCEPTED,
    ERRORS,
    KINDS,
    Fact,
    Matrix,
    PageCell,
    PageEntry,
    entries_of,
    matrix_of,
)
from provision.render.merged import tallied
from provision.render.recap import how_many
from provision.render.since import merged, unchanged
from provision.render.text import duration

#: With more hosts than this each is a row, and each fact a column: names of hosts are too wide to stand side by side.
HOSTS_ABREAST = 8

#: With more entries than this none is unfolded to begin with.
_UNFOLDED = 4

#: So many hosts of one entry are named in its line; all of them are named where it is unfolded.
_NAMED = 4

#: A value of more characters takes two lines of its cell, and is shown whole when clicked.
_LONG = 90

# Each kind has a sign and a word, so that nothing depends on its colour.
_SIGNS = {"unreachable": "∅", "failed": "∅", "blocks": "✕", "drift": "≠", "warning": "!", "note": "i", "accepted": "✓"}

_WHOSE = {
    Against.INVENTORY: "the inventory",
    Against.PEERS: "the other hosts",
    Against.POSSIBLE: "what can work at all",
    Against.SOUND: "what is sound",
}


def html_page(report: Report, *, cluster: str, at: float) -> str:
    """`at`: when it was made, in seconds since the epoch; shown as UTC."""
    entries = entries_of(report)
    matrix = matrix_of(report, entries)
    counted = Counter(e.kind for e in entries)
    verdict, kind = _verdict(report, counted)
    template = files("provision.render").joinpath("page.html").read_text(encoding="utf-8")
    return _filled(
        template,
        {
            "style_hash": _digest(template, "style"),
            "script_hash": _digest(template, "script"),
            "cluster": text(cluster),
            "command": text(report.command),
            "kind": kind,
            "verdict": verdict,
            "time": _time(at),
            "date": _date(at),
            "hosts": text(_looked_at(report, matrix)),
            "tally": "".join(_tally(kind, number) for kind, number in tallied(report).items()),
            "areas": "".join(f"<option>{text(area)}" for area in _areas(entries, matrix)),
            "findings": _list(entries),
            "timings": gantt(report.timings),
            "since": _since(report.since, at) if report.since is not None else "",
            "turned": " data-turned" if len(matrix.hosts) > HOSTS_ABREAST else "",
            "table": _by_host(matrix) if len(matrix.hosts) > HOSTS_ABREAST else _by_fact(matrix),
        },
    )


def text(value: str) -> str:
    """Safe in text and in quoted attributes. What cannot be seen is spelled out: a browser would drop or obey it."""
    return html.escape(shown(value, keep="\n\t"))


def _filled(template: str, values: dict[str, str]) -> str:
    """In one pass, so that a value which looks like a place to fill stays what it is."""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: values[found[1]], template)


def _digest(template: str, element: str) -> str:
    """What the page's policy allows is this one style and this one script, by content: others are not run."""
    found = re.search(rf"<{element}>(.*?)</{element}>", template, re.DOTALL)
    assert found is not None, f"page.html has no <{element}>"
    return "sha256-" + base64.b64encode(hashlib.sha256(found[1].encode()).digest()).decode()


def _verdict(report: Report, counted: Counter[str]) -> tuple[str, str]:
    """In words, and the kind of the worst that was found."""
    worst = next((kind for kind in KINDS if counted[kind] and kind != ACCEPTED), "ok")
    said = [word for kind, word in (("blocks", "blocked"), ("drift", "drift")) if counted[kind]][:1]
    if worst in ERRORS:
        left = "not checked whole" if report.command == "check" else "failed"
        return ", ".join([*said, left]), "blocks" if said == ["blocked"] else worst
    good = "in sync" if report.command == "check" else "done"
    return "".join(said) or (good if report.ok else "failed"), worst


def _looked_at(report: Report, matrix: Matrix) -> str:
    gone = Counter(matrix.gone.values())
    parts = [how_many(report), *(f"{number} {status}" for status, number in gone.items())]
    return f"{', '.join(parts)} · {duration(report.seconds)}"


def _tally(kind: str, number: int) -> str:
    return f'<li class="{kind}">{_sign(kind)}<b>{number}</b> {_plural(kind, number)}</li>'


def _plural(kind: str, number: int) -> str:
    if kind in ERRORS:
        return f"{'host' if number == 1 else 'hosts'} {kind}"
    return f"{kind}s" if kind in ("warning", "note") and number != 1 else kind


def _sign(kind: str) -> str:
    return f'<i aria-hidden="true">{_SIGNS[kind]}</i>'


def _areas(entries: Sequence[PageEntry], matrix: Matrix) -> list[str]:
    there = {e.area for e in entries} | {f.area for f in matrix.facts}
    return [area for area in AREAS if area in there]


def _list(entries: Sequence[PageEntry]) -> str:
    if not entries:
        return '<p class="none">no findings</p>'
    return "".join(_entry(e, unfolded=len(entries) <= _UNFOLDED) for e in entries)


def _entry(entry: PageEntry, *, unfolded: bool) -> str:
    """Its line, and behind it all there is to say. The place to jump to is inside, so that a jump unfolds it."""
    f = entry.finding
    whose = " ".join(f"<span>{text(name)}</span>" for name in entry.hosts[:_NAMED]) or "the cluster"
    if len(entry.hosts) > _NAMED:
        whose += f" <em>and {len(entry.hosts) - _NAMED} more</em>"
    what = f"<b>{_ticked(f.said)}</b>" if entry.sentence else f"<b>{text(f.fact)}</b>{_change(entry)}"
    return (
        f'<details class="entry {entry.kind}" data-area="{text(entry.area)}"{" open" if unfolded else ""}>'
        f'<summary><span class="badge">{_sign(entry.kind)}{entry.kind}</span>'
        f'<span class="what{" sentence" if entry.sentence else ""}">{what}</span>'
        f'<span class="whose">{whose}</span></summary>'
        f'<div class="more" id="f{entry.number}">{_more(entry)}</div></details>'
    )


def _change(entry: PageEntry) -> str:
    expected = entry.finding.expected
    shown = f" {_value(entry.finding.found)}" if len(entry.merged.found) == 1 else f" {entry.merged.value}"
    return f"{shown} <span>instead of</span> <code>{text(expected)}</code>" if expected else shown


def _value(found: str) -> str:
    return f"<code>{text(found) or 'absent'}</code>"


def _found(entry: PageEntry) -> str:
    """All values, each with its hosts where they are several."""
    values = entry.merged.found
    if len(values) == 1:
        return _value(entry.finding.found)
    return ", ".join(f"{_value(found)} on {text(', '.join(hosts))}" for found, hosts in values.items())


def _more(entry: PageEntry) -> str:
    f = entry.finding
    said = "" if entry.sentence or not f.said else f"<p>{_ticked(f.said)}</p>"
    pairs = []
    if not entry.sentence:
        pairs = [
            ("found", _found(entry)),
            ("expected", f"<code>{text(f.expected)}</code>" if f.expected else ""),
            ("against", _WHOSE[f.against]),
        ]
    pairs += [
        ("accepted", _ticked(f.accepted)),
        ("would be", f.severity.value if f.accepted else ""),
        ("why", _ticked(f.why)),
        ("hint", _ticked(f.hint)),
        ("evidence", f"<pre>{text(chr(10).join(f.evidence))}</pre>" if f.evidence else ""),
        ("hosts" if len(entry.hosts) > 1 else "host", text(", ".join(entry.hosts)) or "the whole cluster"),
    ]
    return said + "<dl>" + "".join(f"<dt>{name}<dd>{value}" for name, value in pairs if value) + "</dl>"


def _ticked(value: str) -> str:
    """What stands in backticks can be typed: it is shown as such."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", text(value))


def _since(since: Since, at: float) -> str:
    rows = "".join(
        f"<tr><th scope=row>{text(fact)}<td><code>{text(before) or 'absent'}</code> <span>→</span> "
        f"<code>{text(after) or 'absent'}</code><td>{text(', '.join(hosts))}"
        for (_, fact, before, after), hosts in merged(since).items()
    )
    missed = f'<p class="none">not compared: {text(", ".join(since.missed))}</p>' if since.missed else ""
    body = f"<table>{rows}</table>{missed}" if rows else f'<p class="none">{text(unchanged(since))}</p>'
    return (
        f"<section class=since><h2>Changed since {_time(since.taken)} "
        f"<small>{span(at - since.taken, spelled=True)} before · {text(since.source)}</small></h2>{body}</section>"
    )


def _by_fact(matrix: Matrix) -> str:
    """A row for each fact: few hosts stand side by side, and are compared at a glance."""
    heads = "".join(_host_head(matrix, host, "col") for host in matrix.hosts)
    bodies = []
    for area in _in_order(f.area for f in matrix.facts):
        rows = "".join(
            f"<tr>{_fact_head(matrix, fact, 'row')}{''.join(_cell(matrix, host, fact) for host in matrix.hosts)}"
            for fact in matrix.facts
            if fact.area == area
        )
        bodies.append(
            f"<tbody><tr><th class=area scope=rowgroup colspan={len(matrix.hosts) + 1}><span>{text(area)}</span>{rows}"
        )
    return f"<thead><tr><th class=corner scope=col>{heads}</thead>{''.join(bodies)}"


def _by_host(matrix: Matrix) -> str:
    """A row for each host."""
    groups = Counter(f.area for f in matrix.facts)
    areas = "".join(
        f"<th class=area scope=colgroup colspan={number}><span>{text(area)}</span>" for area, number in groups.items()
    )
    heads = "".join(_fact_head(matrix, fact, "col") for fact in matrix.facts)
    rows = "".join(
        f"<tr>{_host_head(matrix, host, 'row')}{''.join(_cell(matrix, host, fact) for fact in matrix.facts)}"
        for host in matrix.hosts
    )
    return f"<thead><tr><td>{areas}<tr><th class=corner scope=col>{heads}</thead><tbody>{rows}"


def _in_order(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _host_head(matrix: Matrix, host: str, scope: str) -> str:
    """The host's name, and below it the sum of what was found on it."""
    entries = matrix.marks[host]
    gone = matrix.gone.get(host, "")
    below = ""
    if entries:
        kinds = Counter(e.kind for e in entries)
        said = ", ".join(k if k in ERRORS else f"{n} {_plural(k, n)}" for k, n in kinds.items())
        below = _mark(entries, said)
    elif gone:
        below = f"<small>{gone}</small>"
    classes = f' class="host{" gone" if gone else ""}"'
    return f"<th{classes} scope={scope}><span>{text(host)}</span>{below}"


def _fact_head(matrix: Matrix, fact: Fact, scope: str) -> str:
    differs = " data-differs" if matrix.differs(fact) else ""
    return f'<th class=fact data-area="{text(fact.area)}"{differs} scope={scope}><span>{text(fact.name)}</span>'


def _cell(matrix: Matrix, host: str, fact: Fact) -> str:
    cell = matrix.cells.get((host, fact), PageCell())
    if not cell.entries:
        value = text(cell.value) if len(cell.value) <= _LONG else f"<span class=long>{text(cell.value)}</span>"
        return f"<td>{value}" if host not in matrix.gone else f"<td class=gone>{value}"
    worst = cell.entries[0].kind
    return f"<td class={worst}>{_mark(cell.entries, worst, cell.value or 'absent')}"


def _mark(entries: Sequence[PageEntry], said: str, value: str = "") -> str:
    """A link to the first of `entries`; where there is a script it opens them all."""
    numbers = " ".join(str(e.number) for e in entries)
    shown = f"<b>{text(value)}</b>" if value else ""
    kind = entries[0].kind
    return (
        f'<a class={kind} href="#f{entries[0].number}" data-entries="{numbers}">'
        f"{shown}<small>{_sign(kind)}{text(said)}</small></a>"
    )


def _time(at: float) -> str:
    when = datetime.fromtimestamp(at, timezone.utc)
    return f'<time datetime="{when:%Y-%m-%dT%H:%M:%SZ}">{when:%Y-%m-%d %H:%M} UTC</time>'


def _date(at: float) -> str:
    return f"{datetime.fromtimestamp(at, timezone.utc):%Y-%m-%d %H:%M} UTC"
