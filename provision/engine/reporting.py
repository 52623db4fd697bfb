"""What a run came to: a report of all hosts, and the exit code."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import replace

from provision.core import events
from provision.core.errors import Unreachable
from provision.core.events import Listener
from provision.core.exits import Exit
from provision.core.finding import LIMIT, UNTOUCHED, Finding, sorted_findings
from provision.core.outcome import Ended, endpoints, outcome_lines
from provision.core.plan import Change, Mode, findings_of
from provision.core.report import HostReport, Report
from provision.core.timing import Timings, phases_of
from provision.engine.state import Job, RunState
from provision.inventory.models import Host
from provision.transport.reach import closed


def report(job: Job, state: RunState, emit: Listener, *, cancelled: bool) -> Report:
    """Tells the listener how each host and the run ended."""
    names, plan, began = state.fleet.names, state.plan, state.watch.began
    judged = [f for f in state.book.findings if not f.host or f.host in names]
    left = replace(plan, changes=tuple(_left(state, c) for c in plan.changes if c.step.key not in state.done))
    findings = sorted_findings(state.book.sift([*findings_of(left), *judged]), names)
    planned: dict[str, list[Change]] = {name: [] for name in names}
    for change in plan.changes:
        planned.setdefault(change.step.host, []).append(change)
    blocked = {blocker.host for blocker in plan.blockers}
    drifting = {finding.host for finding in findings if finding.counts}
    hosts = tuple(
        _host_report(job, state, host, planned[host.name], began, blocked, drifting) for host in state.fleet.hosts
    )
    for host in hosts:
        emit(events.HostDone(host.name, host.status, len(host.changes), host.seconds))
    code = _exit_code(job, state, findings, cancelled)
    seconds = time.monotonic() - began
    emit(events.RunDone("", code, seconds))
    return Report(
        command=job.command,
        mode=job.mode,
        plan=plan,
        hosts=hosts,
        errors=state.fleet.all_errors,
        findings=(*state.members, *(f for f in findings if f.fact == UNTOUCHED)) if job.mode.removes else findings,
        known=state.known,
        outcome=_outcome(state) if job.mode is Mode.UP and code == Exit.DONE else (),
        remarks=outcome_lines(state.book.remarks, Ended(state.known)) if job.command == "check" else (),
        sizing=state.book.sizing,
        seconds=seconds,
        phases=phases_of(state.watch.spans),
        timings=Timings.of(state.watch.spans, seconds),
        downtime=None if job.mode.removes else state.downtime,
        left_out=tuple(host.name for host in job.inventory.hosts if job.only and host.name not in names),
        exit_code=code,
    )


def _left(state: RunState, change: Change) -> Change:
    """What is left of a change of which a part was made ahead."""
    if change.step.key not in state.made:
        return change
    have = state.made[change.step.key]
    return replace(change, have=have, differences=change.step.resource.diff(have, change.want))


def _outcome(state: RunState) -> tuple[str, ...]:
    outcome = state.book.outcome
    return outcome_lines(outcome, Ended(state.known, closed(endpoints(outcome))))


def _host_report(
    job: Job,
    state: RunState,
    host: Host,
    planned: Sequence[Change],
    began: float,
    blocked: Collection[str],
    drifting: Collection[str],
) -> HostReport:
    """`blocked`, `drifting`: hosts with such findings; empty for all of them."""
    fleet = state.fleet
    errors = tuple(fleet.errors.get(host.name, ()))
    planned = [c for c in planned if c.step.key not in state.kept]
    changed = [c for c in planned if c.step.key in state.done] if job.apply else planned
    if any(isinstance(e, Unreachable) for e in errors):
        status = "unreachable"
    elif errors:
        status = "failed"
    elif host.name in blocked or "" in blocked:
        status = "blocked"
    elif job.apply and len(changed) < len(planned):
        status = "skipped"
    elif planned:
        status = "changed" if job.apply else "drift"
    elif job.command == "check" and host.name in drifting:
        status = "drift"
    else:
        status = "ok"
    session = fleet.sessions.get(host.name)
    connections, commands = (session.connections, session.commands) if session else (0, 0)
    labels = tuple(c.step.resource.label for c in changed)
    seconds = max(0.0, fleet.ended.get(host.name, began) - began)
    return HostReport(host.name, status, labels, errors, seconds, connections, commands)


def _exit_code(job: Job, state: RunState, findings: Sequence[Finding], cancelled: bool) -> Exit:
    errors = state.fleet.all_errors
    if any(isinstance(e, Unreachable) for e in errors):
        return Exit.UNREACHABLE
    if errors and not cancelled and all(e.exit_code is Exit.BUSY for e in errors):
        return Exit.BUSY
    if errors or cancelled:
        return Exit.FAILED
    if job.apply and state.plan.blockers:
        return Exit.FAILED
    if job.apply:
        # What `--limit` left out and was needed all the same.
        return Exit.NO if any(f.fact.startswith(LIMIT) and f.counts for f in findings) else Exit.DONE
    if job.command == "check":
        return Exit.NO if any(f.counts for f in findings) else Exit.DONE
    # With a lock that no longer fits, what `up` would do is known once it has made another.
    missed = any(f.fact.startswith(LIMIT) for f in findings)
    return Exit.DONE if state.plan.empty and not job.lock.stale and not missed else Exit.NO
