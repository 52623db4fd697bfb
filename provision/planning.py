"""Pure: (mode, steps, what was observed) → what would change, and what stands in the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from provision.finding import Finding, Severity
from provision.playbook import Step
from provision.resource import Difference, State

#: The hint of a difference that a plan would change.
BY_UP = "`provision up` puts it right"


class Mode(Enum):
    """`up` and `check` want what the playbook says, `down` and `purge` want it gone."""

    UP = "up"
    CHECK = "check"
    DOWN = "down"
    PURGE = "purge"

    @property
    def removes(self) -> bool:
        return self in (Mode.DOWN, Mode.PURGE)


class Action(Enum):
    CREATE = "+"
    UPDATE = "~"
    REMOVE = "-"


@dataclass(frozen=True, slots=True)
class Change:
    """One step that is not as wanted. `because`: the key of the step whose change causes this one."""

    step: Step
    action: Action
    have: State
    want: State
    differences: tuple[Difference, ...]
    because: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """`changes` are in the order in which they may be applied one after another."""

    mode: Mode
    changes: tuple[Change, ...]
    blockers: tuple[Finding, ...]
    unchanged: tuple[Step, ...]

    @property
    def empty(self) -> bool:
        return not self.changes and not self.blockers


def make_plan(
    mode: Mode, steps: Sequence[Step], observed: Mapping[str, State], blockers: Sequence[Finding] = ()
) -> Plan:
    """`observed` maps a step's key to what its probe saw; a step without an entry is left out (its host was
    not reached)."""
    changes: dict[str, Change] = {}
    unchanged: list[Step] = []
    standing = [] if mode.removes else list(blockers)
    for step in steps:
        if step.key not in observed or not _concerns(mode, step):
            continue
        have = observed[step.key]
        want = None if mode.removes else step.resource.want()
        differences = step.resource.diff(have, want)
        cause = "" if mode.removes else next((key for key in step.follows if key in changes), "")
        if not differences and not cause:
            unchanged.append(step)
        elif not step.resource.fixable:
            standing += [_finding(step, difference, Severity.BLOCKS) for difference in differences]
        else:
            action = Action.REMOVE if want is None else Action.CREATE if have is None else Action.UPDATE
            changes[step.key] = Change(step, action, have, want, differences, cause)
    ordered = tuple(changes.values())
    return Plan(mode, ordered[::-1] if mode.removes else ordered, tuple(standing), tuple(unchanged))


def _concerns(mode: Mode, step: Step) -> bool:
    if not mode.removes:
        return True
    removable = step.resource.removable
    return step.resource.fixable and (removable is True or (removable == "purge" and mode is Mode.PURGE))


def findings_of(plan: Plan) -> tuple[Finding, ...]:
    """What a plan says about the hosts: each difference, and what blocks. What only comes of another change is no
    finding of its own."""
    drift = (
        _finding(change.step, difference, Severity.DRIFT)
        for change in plan.changes
        if not (change.because and change.step.resource.outcome)
        for difference in change.differences
    )
    return (*plan.blockers, *drift)


def _finding(step: Step, difference: Difference, severity: Severity) -> Finding:
    resource = step.resource
    return Finding(
        host=step.host,
        area=resource.area,
        fact=resource.fact(difference.aspect),
        severity=severity,
        found=difference.found or "absent",
        expected=difference.expected or "absent",
        why=resource.why,
        hint=difference.hint or (BY_UP if severity is Severity.DRIFT else ""),
    )
