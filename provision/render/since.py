"""What has changed since a snapshot, for people: `driver 580.65 → 580.82 on gpu-02`."""

from __future__ import annotations

from datetime import datetime, tzinfo

from provision.core.report import WHOLE_AREA, Since
from provision.core.wording import span
from provision.render.text import PLAIN, Paint, Style, clean, named, wrapped

_ABSENT = "absent"


def since_lines(
    since: Since, now: float, paint: Paint = PLAIN, *, width: int = 80, zone: tzinfo | None = None
) -> list[str]:
    """`now`: seconds since the epoch. `zone`: of the times that are shown, None for the local one. The same change on
    several hosts is one line."""
    taken = datetime.fromtimestamp(since.taken, zone).strftime("%Y-%m-%d %H:%M")
    head = f"since {span(now - since.taken, spelled=True)} ({taken}, {clean(since.source)}):"
    if since.taken > now + 1:
        head = f"since {taken}, by a clock that was ahead of this machine's ({clean(since.source)}):"
    if not since.changes:
        return [f"{head} {unchanged(since)}"]
    lines = [paint(Style.BOLD, head)]
    for (area, fact, before, after), hosts in merged(since).items():
        if fact == WHOLE_AREA:
            told = f"{area}: {fact} ({before}) no longer found"
        else:
            told = f"{fact} {before or _ABSENT} → {after or _ABSENT}"
        lines += wrapped(clean(f"{told} on {named(hosts)}"), width, "    ", "  ")
    if since.missed:
        lines += wrapped(clean(f"not compared: {named(since.missed)}"), width, "    ", "  ")
    return lines


def unchanged(since: Since) -> str:
    """Where there are no changes: of whom that is known."""
    if not since.missed:
        return "nothing has changed"
    missed = f"{clean(named(since.missed))} could not be compared"
    return f"nothing has changed on {clean(named(since.compared))}; {missed}" if since.compared else missed


def merged(since: Since) -> dict[tuple[str, str, str, str], list[str]]:
    """Area, fact, before, after → the hosts where that has changed."""
    hosts: dict[tuple[str, str, str, str], list[str]] = {}
    for change in since.changes:
        hosts.setdefault((change.area, change.fact, change.before, change.after), []).append(change.host)
    return hosts
