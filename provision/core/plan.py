"""Pure: (mode, steps, what was observed) → what would change, and what blocks it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from enum import Enum

from provision.core.finding import Finding, Severity
from provision.core.playbook import Step
from provision.core.resource import Difference, Interruption, State
from provision.core.values import dataclass

#: The hint of a difference that a plan would change.
BY_UP = "`provision up` fixes it"


def is_by_up(hint: str) -> bool:
    """Whether it is that hint, also with its command completed."""
    begin, _, end = BY_UP.rpartition("`")
    return hint.startswith(begin) and hint.endswith(f"`{end}") and hint.count("`") == 2


class Mode(Enum):
    """`up` and `check` want what the playbook says, `down` and `purge` want it removed."""

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
    """One step that needs a change. `because`: the key of the step whose change causes this one."""

    step: Step
    action: Action
    have: State
    want: State
    differences: tuple[Difference, ...]
    because: str = ""


@dataclass(frozen=True, slots=True)
class Stop:
    """What runs on a host, and ends by the plan. `step`: the key of the step that ends it."""

    step: str
    host: str
    what: Interruption


@dataclass(frozen=True, slots=True)
class Plan:
    """`changes` are in the order in which they may be applied one after another."""

    mode: Mode
    changes: tuple[Change, ...]
    blockers: tuple[Finding, ...]
    unchanged: tuple[Step, ...]
    stops: tuple[Stop, ...] = ()
    #: Host → a digest of all that was observed there and decides the plan.
    seen: Mapping[str, str] = field(default_factory=dict, compare=False)
    #: Key of a change → what of it comes from hosts that have it, and from which.
    served: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def lines(self) -> tuple[tuple[str, ...], ...]:
        """What is said of each change, in their order."""
        told = (change.step.resource.in_plan(change.have, change.differences) for change in self.changes)
        served = ([self.served[c.step.key]] if c.step.key in self.served else [] for c in self.changes)
        return tuple((*lines, *more) for lines, more in zip(told, served, strict=True))

    @property
    def empty(self) -> bool:
        return not self.changes and not self.blockers


def make_plan(
    mode: Mode, steps: Sequence[Step], observed: Mapping[str, State], blockers: Sequence[Finding] = ()
) -> Plan:
    """`observed` maps a step's key to what its probe saw; a step without an entry is left out (its host was
    not reached)."""
    changes: list[Change] = []
    unchanged: list[Step] = []
    standing = [] if mode.removes else list(blockers)
    looked_at = [step for step in steps if step.key in observed and _concerns(mode, step)]
    wants = {step.key: None if mode.removes else step.resource.want() for step in looked_at}
    differs = {step.key: step.resource.diff(observed[step.key], wants[step.key]) for step in looked_at}
    told: set[tuple[str, str]] = set()
    causes = {} if mode.removes else _causes(looked_at, differs, observed)
    if not mode.removes:
        standing += [finding for step in looked_at for finding in step.resource.blockers(observed[step.key])]
    for step in looked_at:
        have, want, differences = observed[step.key], wants[step.key], differs[step.key]
        if not differences and step.key not in causes:
            unchanged.append(step)
        elif not step.resource.fixable:
            untold = [d for d in differences if not d.cause or (step.host, d.cause) not in told]
            told.update((step.host, difference.cause) for difference in differences)
            standing += [_finding(step, difference, Severity.BLOCKS) for difference in untold]
        else:
            action = Action.REMOVE if want is None else Action.CREATE if have is None else Action.UPDATE
            changes.append(Change(step, action, have, want, differences, causes.get(step.key, "")))
    ordered = changes[::-1] if mode.removes else _stopped_first(changes)
    seen = _seen(looked_at, observed, wants, differs)
    return Plan(mode, tuple(ordered), tuple(standing), tuple(unchanged), tuple(_stops(changes)), seen)


def _seen(
    steps: Sequence[Step],
    observed: Mapping[str, State],
    wants: Mapping[str, State],
    differs: Mapping[str, Sequence[Difference]],
) -> dict[str, str]:
    """What nobody wants to be one way or the other, such as the id of a process, is left out."""
    by_host: dict[str, list[object]] = {}
    for step in steps:
        have, want = observed[step.key], wants[step.key]
        aspects = sorted(want or ()) if have is not None else []
        known = [have is not None, *((aspect, (have or {}).get(aspect)) for aspect in aspects)]
        by_host.setdefault(step.host, []).append([step.key, known, [str(d) for d in differs[step.key]]])
    return {host: hashlib.sha256(json.dumps(found).encode()).hexdigest() for host, found in by_host.items()}


def _stops(changes: Sequence[Change]) -> Iterator[Stop]:
    """What is seen by the steps of services, and by one that looks for all that runs, is theirs to tell."""
    for change in changes:
        resource = change.step.resource
        what = resource.interrupted(change.have, change.differences)
        if what is not None and (resource.label == what.label or not _told(what, change.step.host, changes)):
            yield Stop(change.step.key, change.step.host, what)


def _told(what: Interruption, host: str, changes: Sequence[Change]) -> bool:
    return any(
        change.step.host == host
        and change.action is Action.REMOVE
        and change.step.resource.label.startswith(what.label)
        for change in changes
    )


def _causes(
    steps: Sequence[Step], differs: Mapping[str, Sequence[Difference]], observed: Mapping[str, State]
) -> dict[str, str]:
    """Key of a step that is changed because of another one → the key of that one: it follows it, or the two change
    together. Round after round, since one that is drawn in draws in its own followers."""
    changed = {
        step.key
        for step in steps
        if differs[step.key] and step.resource.fixable and not step.resource.spares(differs[step.key])
    }
    stood = {step.key for step in steps if step.resource.stood(observed[step.key])}
    causes: dict[str, str] = {}
    growing = True
    while growing:
        growing = False
        drawn = {step.together: step.key for step in reversed(steps) if step.together and step.key in changed}
        for step in steps:
            again = (key for key in step.restarts if key in stood)
            cause = next((key for key in (*step.follows, *again) if key in changed), "")
            if step.key not in changed:
                cause = cause or drawn.get(step.together, "")
            if cause and step.key not in causes:
                causes[step.key] = cause
                if step.resource.fixable:
                    growing = growing or step.key not in changed
                    changed.add(step.key)
    return causes


def _stopped_first(changes: Sequence[Change]) -> list[Change]:
    """Before the first of those that change together is restarted, all of them are stopped, on every host: a new one
    must not meet an old one."""
    stops: dict[str, list[Change]] = {}
    awaited: dict[str, set[str]] = {}
    for change in changes:
        if change.step.together:
            awaited.setdefault(change.step.together, set()).update(change.step.after)
    for change in changes:
        stop = _stop(change, awaited)
        if stop is not None:
            stops.setdefault(change.step.together, []).append(stop)
    keys = {group: tuple(stop.step.key for stop in found) for group, found in stops.items()}
    ordered: list[Change] = []
    for change in changes:
        group = change.step.together
        ordered += stops.pop(group, [])
        if group in keys:
            step = replace(change.step, after=(*change.step.after, *keys[group]))
            # By then there is nothing left of it that could be taken up again.
            change = replace(change, step=step, have=None)
        ordered.append(change)
    return ordered


def _stop(change: Change, awaited: Mapping[str, set[str]]) -> Change | None:
    """None is stopped before all that any of them waits for is there."""
    if not change.step.together or change.have is None:
        return None
    if change.step.resource.spares(change.differences) and not change.because:
        return None
    stopped = change.step.resource.stopped()
    if stopped is None:
        return None
    group = change.step.together
    step = Step(change.step.host, stopped, tuple(sorted(awaited[group])), together=group)
    return Change(step, Action.UPDATE, change.have, stopped.want(), (), change.because or change.step.key)


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
    found, expected = resource.in_check(difference)
    return Finding(
        host=step.host,
        area=resource.area,
        fact=resource.fact(difference.aspect),
        severity=severity,
        found=found,
        expected=expected,
        why=resource.why_of(difference),
        hint=difference.hint or (BY_UP if severity is Severity.DRIFT else ""),
    )
