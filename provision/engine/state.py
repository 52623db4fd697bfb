"""What a run is asked to do, and all that it comes to know while it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field

from provision.cluster.cluster import Cluster
from provision.cluster.gather import Fleet
from provision.core.finding import Finding, Known
from provision.core.kept import KeptOnHosts
from provision.core.plan import Mode, Plan
from provision.core.playbook import Playbook
from provision.core.proof import Shown
from provision.core.resource import State
from provision.core.script import Script
from provision.core.secret import Secret
from provision.core.stopwatch import Stopwatch
from provision.core.values import dataclass
from provision.engine.members import Members
from provision.environment.lockfile import Lock, no_lock
from provision.inventory.models import Inventory
from provision.weights.files import ModelFiles


@dataclass(frozen=True)
class Job:
    """What a run is asked to do. `apply`: whether it changes anything. `only`: names of the hosts to contact,
    empty for all. `areas`: what of provision.core.finding.AREAS to look at, empty for all; `deep`: however long that
    takes. `skip`: names of proofs to leave out; `skippable`: those that may be among them though
    the playbook has no such proof. `prove`: go through the proofs although nothing is changed. `model`: what the
    controller has seen of the model; called with whether a host has it. `questions`: what the hosts are asked together
    with their facts, by fact. `wait`: until another run that is at work on the hosts is done."""

    command: str
    mode: Mode
    apply: bool
    inventory: Inventory
    playbook: Callable[[Cluster], Playbook]
    lock: Lock
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    sudo_password: Secret | None = None
    only: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    deep: bool = False
    skip: tuple[str, ...] = ()
    skippable: tuple[str, ...] = ()
    prove: bool = False
    model: Callable[[bool], ModelFiles] | None = None
    questions: Mapping[str, Script] = field(default_factory=dict)
    wait: bool = True
    #: Secrets that the hosts have.
    kept: KeptOnHosts | None = None
    #: What is made ready while the hosts are asked for their facts, since it is not needed before.
    meanwhile: Callable[[], object] | None = None
    #: Called with the plan before anything is changed; what it raises ends the run.
    agree: Callable[[Plan], None] | None = None
    #: Called once the run has its leases, with whether it waited for them; what it raises ends the run.
    unchanged: Callable[[bool], None] | None = None
    #: Who belonged to the cluster; None where that is nobody's business.
    members: Members | None = None

    @classmethod
    def of_steps(
        cls,
        command: str,
        mode: Mode,
        inventory: Inventory,
        playbook: Callable[[Cluster], Playbook],
        sudo_password: Secret | None,
        only: Sequence[str] | None,
        questions: Mapping[str, Script],
    ) -> Job:
        """Carries out a playbook that stands on no environment, no secret and no model."""
        return cls(
            command,
            mode,
            apply=True,
            inventory=inventory,
            playbook=playbook,
            lock=no_lock(inventory.python, inventory.lock_path),
            sudo_password=sudo_password,
            only=tuple(only or ()),
            questions=questions,
        )

    @property
    def writes(self) -> bool:
        """Whether it needs the hosts for itself: proofs need them alone, and leave nothing."""
        return self.apply or self.prove


@dataclass
class RunState:
    """A run from the moment on at which there is a plan. `fleet`: the hosts, with their errors and sessions.
    `observed`: what the probes saw, by step. `known`: host → its cells, as it was last seen. `done`: the keys of the
    steps that were carried out and verified; `kept`: of those, which left what they were to remove. `watch`: what took
    how long. `members`: what is to be said of who belonged to the cluster."""

    fleet: Fleet
    cluster: Cluster
    book: Playbook
    observed: Mapping[str, State]
    known: dict[str, tuple[Known, ...]]
    plan: Plan
    watch: Stopwatch
    members: tuple[Finding, ...] = ()
    done: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    #: What was seen of each step of which something was changed, by step: of one that is not done, what was made ahead.
    made: Mapping[str, State] = field(default_factory=dict)
    #: Seconds for which a model that served did not answer.
    downtime: float | None = None

    def changed(self, states: Mapping[str, State]) -> None:
        """`states`: what was seen of each step once it had been changed."""
        self.made = states
        self.observed = {**self.observed, **states}
        self.known = known_of(self.book, self.observed)

    def add(self, shown: Shown) -> None:
        """What came of a proof."""
        self.book.findings += shown.findings
        for host, cells in shown.known.items():
            self.known[host] = (*self.known.get(host, ()), *cells)


def known_of(book: Playbook, states: Mapping[str, State]) -> dict[str, tuple[Known, ...]]:
    """Host → what is known of it, from its facts and from its resources."""
    known = dict(book.known)
    for step in book.steps:
        if step.key in states:
            known[step.host] = (*known.get(step.host, ()), *step.resource.known(states[step.key]))
    return known
