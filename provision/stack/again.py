"""Services that are started anew though nothing about them has changed: what a playbook is with these restarted.

What hangs on them is restarted as with any change of theirs, since the playbook says so (`follows`, `restarts`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path

from provision.cluster.cluster import Cluster
from provision.core.errors import PlanChanged, UsageError
from provision.core.plan import Plan
from provision.core.playbook import Playbook
from provision.core.resource import Difference, Resource, State
from provision.core.script import Fragment
from provision.core.wording import did_you_mean
from provision.inventory.models import Inventory
from provision.resources.serverless_head import HEAD
from provision.resources.serverless_store import STORE
from provision.resources.service import Service
from provision.resources.staying import STAYS_UP

#: What differs of a service that is to be started anew.
ASKED = "restart"

#: Differences that a start brings to an end.
_STARTED = frozenset({ASKED, "running", "ready", "health", STAYS_UP})


class Restarted(Service):
    """A service that is not as wanted for as long as its process is the one that was seen first. Mixed into the class
    of a service by `restarting`."""

    def read(self, fragment: Fragment) -> State:
        state = super().read(fragment)
        self.__dict__.setdefault("_first", _process(state))
        return state

    def diff(self, have: State, want: State) -> tuple[Difference, ...]:
        differs = super().diff(have, want)
        if differs or have is None or want is None or _process(have) != self.__dict__.get("_first"):
            return differs
        return (Difference(ASKED, "asked for", "running"),)

    def in_plan(self, have: State, differences: Sequence[Difference]) -> tuple[str, ...]:
        rest = [difference for difference in differences if difference.aspect != ASKED]
        asked = ("restart, as asked for",) if len(rest) < len(differences) else ()
        return (*asked, *super().in_plan(have, rest)) if rest or not asked else asked


def restarting(playbook: Callable[[Cluster], Playbook], names: Sequence[str]) -> Callable[[Cluster], Playbook]:
    """`names`: of services, as their folders are called; none: all of them. What is returned raises UsageError for one
    that the playbook does not have."""

    def again(cluster: Cluster) -> Playbook:
        book = playbook(cluster)
        there = {_name(step.resource) for step in book.steps if isinstance(step.resource, Service)}
        _require(names, there)
        book.steps = [
            replace(step, resource=_restarted(step.resource))
            if isinstance(step.resource, Service) and (not names or _name(step.resource) in names)
            else step
            for step in book.steps
        ]
        return book

    return again


def require_services(names: Sequence[str], inventory: Inventory, playbook: Path | None) -> None:
    """Raises UsageError for a name that the built-in playbook would not have. What one of one's own has is seen once it
    runs."""
    if playbook is not None or inventory.playbook is not None:
        return
    if inventory.serverlessllm is not None:
        _require(names, ["ray", HEAD, STORE])
        return
    model = [] if inventory.serve is None else ["vllm"]
    _require(names, model if model and inventory.serve and inventory.serve.backend == "mp" else ["ray", *model])


def _require(names: Sequence[str], there: Collection[str]) -> None:
    for name in names:
        if name not in there:
            meant = did_you_mean(name, there, "; ")
            known = ", ".join(sorted(there)) or "none"
            raise UsageError(f"there is no service `{name}`{meant}", hint=f"the services are {known}")


def only_restarts(then: Callable[[Plan], None] | None) -> Callable[[Plan], None]:
    """What is asked before anything is changed. What is returned raises PlanChanged if more would change than what is
    started anew, and what comes of that."""

    def agree(plan: Plan) -> None:
        more = [
            f"{change.step.host}: {change.step.resource.label}"
            for change in plan.changes
            if not (change.because or change.step.resource.outcome)
            and not (
                isinstance(change.step.resource, Service)
                and {difference.aspect for difference in change.differences} <= _STARTED
            )
        ]
        if more:
            raise PlanChanged(
                "more than a restart would change: nothing was changed on any host",
                evidence=more,
                hint="`provision plan` shows it, and `provision up` does all of it",
            )
        if then is not None:
            then(plan)

    return agree


def _restarted(service: Service) -> Service:
    kind = type("Restarted", (Restarted, type(service)), {"__hash__": type(service).__hash__})
    made: Service = object.__new__(kind)
    made.__dict__.update(service.__dict__)
    return made


def _name(resource: Resource) -> str:
    return resource.id.partition(":")[2]


def _process(state: State) -> tuple[str, str] | None:
    return (state.get("pid", ""), state.get("start", "")) if state is not None else None
