"""The end of a run: how each host fared, every error whole, where the result is, and one last sentence."""

from __future__ import annotations

from collections import Counter

from provision.errors import ProvisionError
from provision.planning import Mode
from provision.render.errors import blocker_lines, error_lines, joined
from provision.render.plan import totals
from provision.render.text import PLAIN, Paint, Style, count, duration, table
from provision.report import HostReport, Report

_STYLE = {
    "ok": Style.OK,
    "changed": Style.CHANGE,
    "drift": Style.CHANGE,
    "failed": Style.ERROR,
    "unreachable": Style.ERROR,
    "blocked": Style.ERROR,
    "skipped": Style.DIM,
}

#: With more hosts than this, those that are fine are counted, not listed.
_LIST_UP_TO = 40


def recap_lines(report: Report, paint: Paint = PLAIN, *, verbose: bool = False) -> list[str]:
    """`host  status  changes  seconds`; with `verbose` also connections and commands."""
    if not report.hosts:
        return []
    listed = report.hosts
    if len(listed) > _LIST_UP_TO and not verbose:
        listed = tuple(h for h in listed if h.status not in ("ok", "changed"))
    lines = _table(listed, paint, verbose=verbose) if listed else []
    if len(listed) < len(report.hosts):
        rest = Counter(h.status for h in report.hosts if h not in listed)
        lines += [f"{count(number, 'host')} {paint(_STYLE[status], status)}" for status, number in rest.items()]
    return lines


def failure_lines(report: Report, paint: Paint = PLAIN) -> list[str]:
    """Every error of the run, whole, each once however often the report holds it."""
    errors: list[ProvisionError] = [e for host in report.hosts for e in host.errors]
    errors += report.errors
    return joined(error_lines(e, paint) for e in errors)


def quiet_lines(report: Report, paint: Paint = PLAIN) -> list[str]:
    """As `failure_lines`, with what stands in the way: elsewhere that is part of the plan."""
    blockers = report.plan.blockers if report.plan is not None else ()
    failures = failure_lines(report, paint)
    blocked = joined(blocker_lines(b, paint) for b in blockers)
    return [*failures, *([""] if failures and blocked else []), *blocked]


def outcome_lines(report: Report, paint: Paint = PLAIN) -> list[str]:
    return [paint(Style.BOLD, line) for line in report.outcome]


def last_line(report: Report, *, again: str = "") -> str:
    """One sentence on the whole run. `again`: the `provision up …` that would put drift right."""
    took = duration(report.seconds)
    hosts = count(len(report.hosts), "host")
    bad = Counter(h.status for h in report.hosts if h.status in ("failed", "unreachable", "blocked", "skipped"))
    if report.exit_code in (0, 3) and not bad:
        return _good(report, hosts, took, again)
    parts = [f"{count(number, 'host')} {status}" for status, number in bad.items()]
    if report.plan is not None and report.plan.blockers and not any(h.changes for h in report.hosts):
        parts.append("nothing was changed")
    if report.exit_code > 128:
        parts.insert(0, "stopped")
    return f"{report.command}: {', '.join(parts) or 'failed'} ({hosts}, {took})"


def _good(report: Report, hosts: str, took: str, again: str) -> str:
    plan = report.plan
    changes = sum(len(h.changes) for h in report.hosts)
    if plan is not None and plan.empty and not changes:
        left = ", nothing of this cluster is left" if report.mode in (Mode.DOWN, Mode.PURGE) else ""
        said = "in sync" if report.command == "check" else "nothing to change"
        return f"{said} ({hosts}, {took}){left}"
    if report.command in ("up", "down"):
        return f"{report.command}: {count(changes, 'change')} made ({hosts}, {took})"
    found = totals(plan) if plan is not None else count(changes, "change")
    if report.command == "plan":
        return f"plan: {found} ({took})" + (f"; `{again}` would do it" if again else "")
    return f"{report.command}: drift, {found} ({took})" + (f"; `{again}` puts it right" if again else "")


def _table(hosts: tuple[HostReport, ...], paint: Paint, *, verbose: bool) -> list[str]:
    head = ("host", "status", "changes", "seconds") + (("connections", "commands") if verbose else ())
    rows = [head]
    for h in hosts:
        counted = (str(h.connections), str(h.commands)) if verbose else ()
        rows.append((h.name, h.status, str(len(h.changes)), f"{h.seconds:.1f}", *counted))
    padded = table(rows, right=frozenset(range(2, len(head))))
    lines = [paint(Style.DIM, "  ".join(padded[0]))]
    for host, cells in zip(hosts, padded[1:], strict=True):
        cells[1] = paint(_STYLE.get(host.status, Style.BOLD), cells[1])
        lines.append("  ".join(cells))
    return lines
