"""Pure: a plan in stages, each with the proofs that come before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from provision.planning import Change, Plan
from provision.playbook import Placed
from provision.proof import Proof


@dataclass(frozen=True)
class Stage:
    """First the proofs, one after another, then the changes."""

    proofs: tuple[Proof, ...]
    changes: tuple[Change, ...]


def stages(plan: Plan, placed: Sequence[Placed], skip: Sequence[str] = ()) -> list[Stage]:
    """A proof is due if one of the steps that it is for is to change; one that is for all, if anything is. `skip`:
    names of proofs that are not gone through. What is removed needs no proof."""
    if plan.mode.removes:
        return [Stage((), plan.changes)]
    found: list[Stage] = []
    waiting: list[Proof] = []
    rest = plan.changes
    for place in placed:
        held = _held(rest, place.before)
        if not held or place.proof.name in skip:
            continue
        if free := tuple(change for change in rest if change not in held):
            found.append(Stage(tuple(waiting), free))
            waiting = []
        waiting.append(place.proof)
        rest = held
    return [*found, Stage(tuple(waiting), rest)]


def _held(changes: Sequence[Change], before: Sequence[str]) -> tuple[Change, ...]:
    """What must wait: the steps named, what comes after them, and what comes later on the same hosts."""
    if not before:
        return tuple(changes)
    held: dict[str, Change] = {}
    hosts: set[str] = set()
    for change in changes:
        step = change.step
        if step.key in before or step.host in hosts or any(key in held for key in step.after):
            held[step.key] = change
            hosts.add(step.host)
    return tuple(held.values())
