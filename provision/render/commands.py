"""What a run says, with its commands as they are to be typed: events, errors and the report. Evidence stays as it is:
it is what others have written."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from provision.core.commands import Given
from provision.core.errors import InventoryError, ProvisionError
from provision.core.events import Event, Failed, Listener, Note, Planned, StepSkipped
from provision.core.finding import Finding
from provision.core.plan import Change, Plan
from provision.core.report import HostReport, Report

E = TypeVar("E", bound=ProvisionError)


def completed_error(error: E, given: Given) -> E:
    """The same error, whoever holds it: it may be on its way up already."""
    error.message, error.hint = given.text(error.message), given.hint(error.hint)
    if isinstance(error, InventoryError):
        error.problems = tuple(
            replace(p, message=given.text(p.message), hint=given.hint(p.hint)) for p in error.problems
        )
    return error


def completed_finding(finding: Finding, given: Given) -> Finding:
    return replace(finding, said=given.text(finding.said), why=given.text(finding.why), hint=given.hint(finding.hint))


def completed_report(report: Report, given: Given) -> Report:
    return replace(
        report,
        plan=_plan(report.plan, given) if report.plan is not None else None,
        hosts=tuple(_host(host, given) for host in report.hosts),
        errors=tuple(completed_error(error, given) for error in report.errors),
        findings=tuple(completed_finding(finding, given) for finding in report.findings),
        outcome=tuple(map(given.text, report.outcome)),
        remarks=tuple(map(given.text, report.remarks)),
    )


def completing(listener: Listener, given: Given) -> Listener:
    """`listener`, told events whose commands are complete."""
    return lambda event: listener(_event(event, given))


def _event(event: Event, given: Given) -> Event:
    if isinstance(event, Note):
        return replace(event, text=given.text(event.text))
    if isinstance(event, Failed):
        return replace(event, message=given.text(event.message), hint=given.hint(event.hint))
    if isinstance(event, StepSkipped):
        return replace(event, why=given.text(event.why))
    if isinstance(event, Planned):
        return replace(event, plan=_plan(event.plan, given))
    return event


def _plan(plan: Plan, given: Given) -> Plan:
    blockers = tuple(completed_finding(finding, given) for finding in plan.blockers)
    return replace(plan, blockers=blockers, changes=tuple(_change(change, given) for change in plan.changes))


def _change(change: Change, given: Given) -> Change:
    if not any(difference.hint for difference in change.differences):
        return change
    return replace(change, differences=tuple(replace(d, hint=given.hint(d.hint)) for d in change.differences))


def _host(host: HostReport, given: Given) -> HostReport:
    return replace(host, errors=tuple(completed_error(error, given) for error in host.errors))
