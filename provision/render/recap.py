"""The end of a run: how each host fared, every error whole, what was found, where the result is, one last sentence."""

from __future__ import annotations

from collections import Counter

from provision.core.errors import ProvisionError
from provision.core.exits import ANSWERED, SIGNAL, Exit
from provision.core.finding import HELD_UP, LIMIT, LOCK, UNTOUCHED, Severity
from provision.core.plan import is_by_up
from provision.core.report import HostReport, Report
from provision.render.errors import all_error_lines, blocker_lines
from provision.render.findings import finding_lines, head_lines, told
from provision.render.matrix import matrix_lines
from provision.render.merged import NOT_LOOKED_AT, entries, tallied
from provision.render.plan import changed, hindered, totals
from provision.render.since import merged, since_lines
from provision.render.text import PLAIN, Paint, Style, count, duration, table, wrapped, wrapped_between

_STYLE = {
    "ok": Style.OK,
    "changed": Style.CHANGE,
    "drift": Style.CHANGE,
    "failed": Style.ERROR,
    "unreachable": Style.ERROR,
    "blocked": Style.ERROR,
    "skipped": Style.DIM,
}

#: How a host can have ended other than well.
_WORST_FIRST = ("unreachable", "failed", "blocked", "skipped")

#: With more hosts than this, those that are fine are counted, not listed.
_LIST_UP_TO = 40

#: Seconds: a part of a run that took less has no place of its own.
_WORTH_SAYING = 1.0

#: Stands for a number that nobody knows.
_NOT_LOOKED_AT = "-"


def recap_lines(report: Report, paint: Paint = PLAIN, *, verbose: bool = False) -> list[str]:
    """`host  status  changes  seconds`, of a check `findings`; with `verbose` also connections and commands."""
    if not report.hosts:
        return []
    listed = report.hosts
    # What a check finds is told elsewhere, the same on many hosts once.
    told = ("ok", "drift", "blocked") if report.command == "check" else ("ok", "changed")
    if len(listed) > _LIST_UP_TO and not verbose:
        listed = tuple(h for h in listed if h.status not in told)
    lines = _table(report, listed, paint, verbose=verbose) if listed else []
    if len(listed) < len(report.hosts):
        rest = Counter(h.status for h in report.hosts if h not in listed)
        lines += [f"{count(number, 'host')} {paint(_STYLE[status], status)}" for status, number in rest.items()]
    return lines


def failure_lines(report: Report, paint: Paint = PLAIN) -> list[str]:
    """Every error of the run, whole, each once however often the report holds it, and on however many hosts."""
    errors: list[ProvisionError] = [e for host in report.hosts for e in host.errors]
    errors += report.errors
    return all_error_lines(errors, paint)


def quiet_lines(report: Report, paint: Paint = PLAIN, *, now: float = 0.0) -> list[str]:
    """As `failure_lines`, with the blockers, which is part of the plan elsewhere; of a check a line for each
    thing that makes its exit code. `now`: as for `check_lines`."""
    failures = failure_lines(report, paint)
    if report.command == "check":
        found = head_lines((f for f in report.findings if f.counts), paint)
        if report.since is not None and report.since.changes:
            found += since_lines(report.since, now, paint)
    else:
        found = blocker_lines(report.plan.blockers if report.plan is not None else (), paint)
    return [*failures, *([""] if failures and found else []), *found]


def check_lines(
    report: Report, paint: Paint = PLAIN, *, now: float, everything: bool = False, width: int = 80
) -> list[str]:
    """What a check found: the table of hosts and facts, each finding, and what has changed since the snapshot.
    `now`: seconds since the epoch. `everything`: all facts in the table, not only those that differ."""
    return _apart(
        [line for remark in report.remarks for line in wrapped(remark, width, "  ")],
        matrix_lines(report, paint, everything=everything, width=width),
        finding_lines(report.findings, paint, width=width),
        since_lines(report.since, now, paint, width=width) if report.since is not None else [],
    )


def warning_lines(report: Report, paint: Paint = PLAIN) -> list[str]:
    """A line for each thing that works, but not well: all that those need to know who want something done. What
    `--limit` kept from being done, and who may still run where all was to be stopped, is told whole."""
    whole = [f for f in report.findings if f.fact.startswith(LIMIT) or report.mode.removes]
    lines = [line for f in whole for line in [*head_lines([f], paint), f"hint: {f.hint}"]]
    rest = (f for f in report.findings if f.severity is Severity.WARNING and f not in whole)
    return [*lines, *head_lines(rest, paint)]


def outcome_lines(report: Report, paint: Paint = PLAIN, *, width: int = 80) -> list[str]:
    """Where the result is, as the playbook has it, and how long each part of an `up` that changed something took."""
    lines = [paint(Style.BOLD, line) if index == 0 else line for index, line in enumerate(report.outcome)]
    took = phase_lines(report, width=width) if report.command in ("up", "rollback", "restart") else []
    # What can be copied stands by itself.
    return [*lines, *([""] if lines and (took or len(lines) > 1) else []), *took]


def phase_lines(report: Report, *, width: int = 80) -> list[str]:
    """`took  facts 0.4 s · Python environment 31 s · vLLM 45 s`, in order; what took less than a second is summed up.
    Hosts work side by side, so parts may overlap. Nothing for a run that changed nothing."""
    if not any(host.changes for host in report.hosts):
        return []
    parts = [f"{phase.name} {duration(phase.seconds)}" for phase in report.phases if phase.seconds >= _WORTH_SAYING]
    if report.downtime is not None:
        parts.append(f"the model did not answer for {duration(report.downtime)}")
    rest = [phase.seconds for phase in report.phases if phase.seconds < _WORTH_SAYING]
    if rest:
        parts.append(f"{count(len(rest), 'shorter part')} {duration(sum(rest))}")
    return wrapped_between(parts, " · ", width, indent="      ", first="took:")


def how_many(report: Report) -> str:
    """`2 hosts`; of a run over some of them `1 of 2 hosts`."""
    every = count(len(report.hosts) + len(report.left_out), "host")
    return f"{len(report.hosts)} of {every}" if report.left_out else every


def last_line(report: Report, *, again: str = "") -> str:
    """One sentence on the whole run. `again`: the `provision up …` that would fix drift."""
    took = duration(report.seconds)
    hosts = how_many(report)
    statuses = Counter(h.status for h in report.hosts)
    bad = Counter({status: statuses[status] for status in _WORST_FIRST if statuses[status]})
    if report.command == "check":
        return _checked(report, f"({hosts}, {took})", again)
    if report.exit_code in ANSWERED and not bad:
        missed = any(f.fact.startswith(LIMIT) for f in report.findings)
        return _good(report, hosts, took, again) + ("; not all that it takes" if missed else "")
    parts = [f"{count(number, 'host')} {status}" for status, number in bad.items()]
    if report.plan is not None and (said := hindered(report.plan)):
        parts.append(said)
    if report.plan is not None and report.plan.blockers and report.command != "plan":
        parts += ["nothing was changed on any host"] if not any(h.changes for h in report.hosts) else []
    if report.exit_code > SIGNAL:
        parts.insert(0, "stopped")
    return f"{report.command}: {', '.join(parts) or 'failed'} ({hosts}, {took}){_left_open(report, bad, again)}"


def _left_open(report: Report, bad: Counter[str], again: str) -> str:
    """What hosts that are blocked, or could not be looked at, leave open: nobody should have to work it out."""
    plan, missed = report.plan, bad["unreachable"] + bad["failed"]
    if plan is None:
        return ""
    every = missed == len(report.hosts)
    if report.command == "plan" and missed:
        return f"; on the others {changed(plan) or 'nothing to change'}" if not every else ""
    if report.command == "plan":
        return f"; without what is in the way `{again}` would make {changed(plan)}" if again and plan.changes else ""
    if not missed:
        return ""
    if report.command == "down":
        return f"; whether anything of this cluster still runs {'there' if missed == 1 else 'on them'} is not known"
    if not any(blocker.fact == HELD_UP for blocker in plan.blockers):
        return ""
    return "; fix that first" if every else "; fix that first, or name all other hosts with --limit"


def _good(report: Report, hosts: str, took: str, again: str) -> str:
    plan = report.plan
    changes = sum(len(h.changes) for h in report.hosts)
    if plan is not None and plan.empty and not changes and report.exit_code == Exit.DONE:
        # Of who else belongs to it, nothing may be known; nor of what lies where nobody looked.
        untouched = {f.host for f in report.findings if f.fact == UNTOUCHED}
        bare = [h.name for h in report.hosts if h.name not in untouched]
        where = " on " + ", ".join(bare) if report.left_out or report.findings else ""
        left = f", nothing of this cluster was found{where}" if report.command == "down" and bare else ""
        return f"nothing to change ({hosts}, {took}){left}"
    if report.command == "plan":
        found = (totals(plan) if plan is not None else count(changes, "change")) or "no change on any host"
        if any(f.fact == LOCK for f in report.findings):
            found += "; the lock is to be made"
        return f"plan: {found} ({took})" + (f"; `{again}` would do it" if again else "")
    return f"{report.command}: {count(changes, 'change')} made ({hosts}, {took})"


def _checked(report: Report, size: str, again: str) -> str:
    parts = ["stopped"] if report.exit_code > SIGNAL else []
    # Hosts that are blocked are those of what blocks.
    counted = tallied(report)
    if report.exit_code in (Exit.FAILED, Exit.UNREACHABLE) and not parts and not set(NOT_LOOKED_AT) & counted.keys():
        parts = ["failed"]
    parts += [told(kind, number) for kind, number in counted.items()]
    if report.since is not None and report.since.changes:
        parts.append(f"{count(len(merged(report.since)), 'change')} since {report.since.source}")
    if not parts:
        return f"in sync {size}"
    in_sync = "in sync, " if report.ok else ""
    return f"check: {in_sync}{', '.join(parts)} {size}{_what_to_do(report, again)}"


def _what_to_do(report: Report, again: str) -> str:
    """What `up` would fix, and when; the rest has hints of its own."""
    counting = [entry for entry in entries(report.findings) if entry.counts]
    by_up = sum(is_by_up(entry.findings[0].hint) for entry in counting)
    if not again or not by_up:
        return ""
    # As long as one host fails to answer, `up` changes nothing on any.
    first = "once all hosts answer, " if any(h.status in ("failed", "unreachable") for h in report.hosts) else ""
    if any(entry.severity is Severity.BLOCKS for entry in counting):
        return f"; fix what blocks, then {first}`{again}` fixes {by_up}"
    return f"; {first}`{again}` fixes {'it' if by_up == len(counting) else f'{by_up} of {len(counting)}'}"


def _apart(*blocks: list[str]) -> list[str]:
    """With an empty line between those that are not empty."""
    lines: list[str] = []
    for block in blocks:
        lines += ["", *block] if lines and block else block
    return lines


def _table(report: Report, hosts: tuple[HostReport, ...], paint: Paint, *, verbose: bool) -> list[str]:
    checked = report.command == "check"
    findings = Counter(f.host for f in report.findings)
    what = "findings" if checked else "changes"
    head = ("host", "status", what, "seconds") + (("connections", "commands") if verbose else ())
    rows = [head]
    for h in hosts:
        counted = (str(h.connections), str(h.commands)) if verbose else ()
        number = str(findings[h.name] if checked else len(h.changes))
        if h.status == "unreachable" and not number.strip("0") and report.command in ("check", "plan"):
            number = _NOT_LOOKED_AT
        rows.append((h.name, h.status, number, f"{h.seconds:.1f}", *counted))
    padded = table(rows, right=frozenset(range(2, len(head))))
    lines = [paint(Style.DIM, "  ".join(padded[0]))]
    for host, cells in zip(hosts, padded[1:], strict=True):
        cells[1] = paint(_STYLE.get(host.status, Style.BOLD), cells[1])
        lines.append("  ".join(cells))
    return lines
