"""Pure: which changes may run now. Per-host dependency scheduling, not global waves.

A host goes on as soon as what *it* needs is there. What it can do without waiting for another host is one
stretch: one script, one round trip.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from provision.core.plan import Change, Plan
from provision.core.values import dataclass


@dataclass(frozen=True, slots=True)
class Stretch:
    host: str
    changes: tuple[Change, ...]


def needs_confirmation(change: Change) -> bool:
    return change.want is not None and change.step.resource.confirm() is not None


class Schedule:
    """Hands out stretches; is told what became of them. Not thread-safe: one thread owns it.

    When things are removed the edges point the other way and only order: a failure stops nothing else, since
    what can still be taken down should be.
    """

    def __init__(self, plan: Plan) -> None:
        self._removing = plan.mode.removes
        self._waiting: dict[str, list[Change]] = {}
        for change in plan.changes:
            self._waiting.setdefault(change.step.host, []).append(change)
        #: Of each change, what is not done yet; and of what is waited for, by which changes.
        self._needs = _edges(plan.changes, reverse=self._removing)
        self._needed_by: dict[str, list[str]] = {}
        for key, needs in self._needs.items():
            for other in needs:
                self._needed_by.setdefault(other, []).append(key)
        self._lost: dict[str, str] = {}
        self._busy: set[str] = set()

    @property
    def finished(self) -> bool:
        return not self._busy and not any(self._waiting.values())

    def ready(self) -> list[Stretch]:
        """The longest possible stretch of each idle host; these hosts count as busy from now on."""
        stretches = []
        for host, changes in self._waiting.items():
            if host in self._busy:
                continue
            own: list[Change] = []
            mine: set[str] = set()
            for change in changes:
                if not self._needs[change.step.key] <= mine:
                    break
                own.append(change)
                mine.add(change.step.key)
                if needs_confirmation(change):
                    break  # what takes long must not come between
                if change.want is not None and change.step.resource.first:
                    break  # what the others send comes before their scripts
            if own:
                del changes[: len(own)]
                self._busy.add(host)
                stretches.append(Stretch(host, tuple(own)))
        return stretches

    def done(self, stretch: Stretch, failed: Iterable[str] = ()) -> list[tuple[Change, str]]:
        """`failed`: keys of the stretch's changes that failed, then of those that were not reached. Returns the
        changes that can no longer be tried, each with the key of the failure in its way."""
        self._busy.discard(stretch.host)
        lost = list(failed)
        keys = {c.step.key for c in stretch.changes}
        for key in keys if self._removing else keys - set(lost):
            for other in self._needed_by.pop(key, ()):
                self._needs[other].discard(key)
        if self._removing or not lost:
            return []
        self._lost |= {key: key for key in lost}
        return self._drop(stretch.host, lost[0])

    def stop(self) -> list[Change]:
        """Gives up everything not yet handed out."""
        rest = [change for changes in self._waiting.values() for change in changes]
        self._waiting.clear()
        return rest

    def _drop(self, host: str, cause: str) -> list[tuple[Change, str]]:
        dropped = [(change, cause) for change in self._waiting.pop(host, [])]
        self._lost |= {change.step.key: cause for change, _ in dropped}
        again = True
        while again:
            again = False
            for other, changes in self._waiting.items():
                for index, change in enumerate(changes):
                    blocked = next((self._lost[k] for k in self._needs[change.step.key] if k in self._lost), "")
                    if blocked:
                        # On one host things are done in order, so what comes after it is lost as well.
                        cut, self._waiting[other] = changes[index:], changes[:index]
                        dropped += [(c, blocked) for c in cut]
                        self._lost |= {c.step.key: blocked for c in cut}
                        again = True
                        break
        return dropped


def _edges(changes: Sequence[Change], *, reverse: bool) -> dict[str, set[str]]:
    """For each change the keys of the changes that must be done before it. Steps without a change are there
    already, and do not count; what they wait for in turn is assumed to be reached through its own edges."""
    keys = {c.step.key for c in changes}
    needs: dict[str, set[str]] = {key: set() for key in keys}
    for change in changes:
        for other in change.step.after:
            if other in keys:
                if reverse:
                    needs[other].add(change.step.key)
                else:
                    needs[change.step.key].add(other)
    return needs
