"""Pure: a plan in stages, each with the proofs that come before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from provision.core.errors import UsageError
from provision.core.plan import Change, Plan
from provision.core.playbook import Placed
from provision.core.proof import Proof
from provision.core.resource import State
from provision.core.values import dataclass
from provision.core.wording import did_you_mean


@dataclass(frozen=True)
class Stage:
    """First the proofs, one after another, then the changes. `beside`: of these changes, those of which a part may be
    made while the proofs are under way."""

    proofs: tuple[Proof, ...]
    changes: tuple[Change, ...]
    beside: tuple[Change, ...] = ()


def due(plan: Plan, placed: Sequence[Placed]) -> list[Placed]:
    """A proof is due if one of the steps that it is for is to change; one that is for all, if anything is. What is
    removed needs no proof."""
    changed = {change.step.key: change.have for change in plan.changes}
    if plan.mode.removes or not changed:
        return []
    return [place for place in placed if _due(place, changed)]


def _due(place: Placed, changed: Mapping[str, State]) -> bool:
    if not place.before:
        return bool(changed.keys() - set(place.after))
    states = {key: changed[key] for key in place.before if key in changed}
    return bool(states) and place.proof.needed(states)


def stages(plan: Plan, placed: Sequence[Placed], skip: Sequence[str] = ()) -> list[Stage]:
    """Before a proof, what neither it nor a later one is for is changed already. `skip`: names of proofs that are not
    gone through."""
    wanted = [place for place in due(plan, placed) if place.proof.name not in skip]
    held = [_held(plan.changes, place) for place in wanted]
    found: list[Stage] = []
    waiting: list[Placed] = []
    rest = plan.changes
    for index, place in enumerate(wanted):
        later = frozenset().union(*held[index:])
        if free := tuple(change for change in rest if change.step.key not in later):
            found.append(_stage(plan, waiting, free))
            waiting = []
        waiting.append(place)
        rest = tuple(change for change in rest if change.step.key in later)
    return [*found, _stage(plan, waiting, rest)]


def _stage(plan: Plan, waiting: Sequence[Placed], changes: tuple[Change, ...]) -> Stage:
    return Stage(tuple(place.proof for place in waiting), changes, tuple(_beside(plan, waiting, changes)))


def _beside(plan: Plan, waiting: Sequence[Placed], changes: Sequence[Change]) -> Iterator[Change]:
    """Nothing beside a proof that names what it comes before. What waits for another change, waits for it; and what is
    for a user who is not there yet."""
    if not waiting or any(place.before or not place.proof.beside_folders for place in waiting):
        return
    changed = {change.step.key for change in plan.changes}
    firsts: set[str] = set()
    for change in changes:
        if change.step.resource.first:
            firsts.add(change.step.host)
        free = change.want is not None and not changed.intersection(change.step.after)
        free = free and not (change.step.resource.behind_first and change.step.host in firsts)
        if free and change.step.resource.ahead(change.have):
            yield change


def check_skipped(skip: Sequence[str], placed: Sequence[Placed], skippable: Sequence[str]) -> None:
    """Raises UsageError for a name that no proof has: a proof misspelt here would be gone through after all."""
    known = list(dict.fromkeys([*(place.proof.name for place in placed), *skippable]))
    for name in skip:
        if name not in known:
            meant = did_you_mean(name, known, "; ")
            raise UsageError(f"--skip: there is no proof `{name}`{meant}", hint=f"they are {', '.join(known)}")


def _held(changes: Sequence[Change], place: Placed) -> frozenset[str]:
    """Keys of what must wait: the steps named, what changes together with them, what comes after them, and what comes
    later on the same hosts; if none is named all, but for those that the proof comes after."""
    if not place.before:
        return frozenset(change.step.key for change in changes) - set(place.after)
    held: set[str] = set()
    hosts: set[str] = set()
    groups = {change.step.together for change in changes if change.step.key in place.before} - {""}
    for change in changes:
        step = change.step
        named = step.key in place.before or step.together in groups
        if named or step.host in hosts or any(key in held for key in step.after):
            held.add(step.key)
            hosts.add(step.host)
    return frozenset(held)
