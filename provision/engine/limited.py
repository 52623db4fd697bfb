"""Pure: what a run over some of the hosts cannot do, because it takes the others.

A step of a host that was left out is neither looked at nor changed. So what waits for such a step, while that one would
have to change as well, is held back instead of being tried in vain; and what has to follow a change on a host that was
left out is said. Either way the run has not done all that its changes ask for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from provision.core.finding import LIMIT, Finding, Severity
from provision.core.plan import Change, Plan
from provision.core.playbook import Step
from provision.core.resource import State

_WHY = "what runs across the hosts is whole only when all of them have what belongs together"


def limited(
    plan_of: Callable[[Mapping[str, State]], Plan],
    observed: Mapping[str, State],
    steps: Sequence[Step],
    names: Collection[str],
) -> tuple[Plan, tuple[Finding, ...]]:
    """`plan_of`: the plan for what was observed. `names`: the hosts that are contacted. Returns the plan without what
    takes others, and a finding for each of those others."""
    plan = plan_of(observed)
    if plan.mode.removes or all(step.host in names for step in steps):
        return plan, ()
    by_key = {step.key: step for step in steps}
    held: dict[str, list[str]] = {}
    while True:
        pending = _followers(plan.changes, steps, names)
        new: dict[str, list[str]] = {}
        for change in plan.changes:
            if change.step.key in by_key and (others := _waits_for(change, pending, steps, names)):
                new[change.step.key] = others
        if not new:
            break
        held |= new
        gone = set(held) | _after(held, steps)
        plan = plan_of({key: state for key, state in observed.items() if key not in gone})
    needed: dict[str, tuple[list[str], list[str]]] = {}
    for key, others in held.items():
        for other in others:
            _add(needed.setdefault(by_key[other].host, ([], []))[0], _place(by_key[key]))
    # What only comes of something else is nothing that has to be done there.
    for key in (key for key in pending if not by_key[key].resource.outcome):
        _add(needed.setdefault(by_key[key].host, ([], []))[1], by_key[key].resource.label)
    return plan, tuple(_finding(host, waiting, following) for host, (waiting, following) in needed.items())


def _followers(changes: Sequence[Change], steps: Sequence[Step], names: Collection[str]) -> list[str]:
    """Keys of the steps elsewhere that have to change with these."""
    drawn = {change.step.key for change in changes}
    again = {change.step.key for change in changes if change.have is not None}
    found: list[str] = []
    for step in steps:  # whatever is followed stands before it
        if step.host not in names and (drawn & set(step.follows) or again & set(step.restarts)):
            found.append(step.key)
            drawn.add(step.key)
    return found


def _waits_for(change: Change, pending: Sequence[str], steps: Sequence[Step], names: Collection[str]) -> list[str]:
    """Keys of steps elsewhere without which this change comes to nothing."""
    step = change.step
    elsewhere = [other for other in steps if other.host not in names]
    waits = [key for key in step.after if key in pending]
    if step.resource.outcome and change.differences:
        # There is nothing to do for it here: it comes of what it follows.
        waits += [other.key for other in elsewhere if other.key in step.follows]
    if step.together:
        waits += [other.key for other in elsewhere if other.together == step.together]
    return list(dict.fromkeys(waits))


def _after(held: Collection[str], steps: Sequence[Step]) -> set[str]:
    """Keys of what comes after something that is held back."""
    found = set(held)
    for step in steps:
        if found & set(step.after):
            found.add(step.key)
    return found


def _finding(host: str, waiting: Sequence[str], following: Sequence[str]) -> Finding:
    parts = []
    if waiting:
        verb, was = ("needs", "was") if len(waiting) == 1 else ("need", "were")
        parts.append(f"{_list(waiting)} {verb} it, and {was} not changed")
    if following:
        parts.append(f"{_list(following)} there must follow what changes elsewhere")
    said = f"{host} is left out by `--limit`: {'; '.join(parts)}"
    hint = f"run it again without `--limit`, or with {host} in it"
    return Finding("", "services", f"{LIMIT} {host}", Severity.DRIFT, said=said, why=_WHY, hint=hint)


def _place(step: Step) -> str:
    return f"{step.resource.label} on {step.host}"


def _list(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]


def _add(words: list[str], word: str) -> None:
    if word not in words:
        words.append(word)
