"""A playbook is data: resources on hosts, in order on each host, with edges between hosts.

A playbook file defines `playbook(cluster) -> Playbook`, a pure function of the inventory and the facts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field

from provision.core.errors import PlaybookError
from provision.core.finding import Finding, Known, blocker
from provision.core.inquiry import Inquiry
from provision.core.outcome import Telling
from provision.core.proof import Proof
from provision.core.resource import Resource
from provision.core.sizing import Sizing
from provision.core.values import dataclass

#: Host → what is known of it, once its resources were looked at; to what in there is not as it should be.
Review = Callable[[Mapping[str, tuple[Known, ...]]], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Step:
    """One resource on one host. `after`: the keys of steps that must be done first. `follows`: those whose
    change makes this one change too (a worker is restarted with its head). `restarts`: as `follows`, but one that was
    not there before changes nothing for this one (a host that joins). `together`: steps of the same word all change if
    one of them does."""

    host: str
    resource: Resource
    after: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()
    together: str = ""
    restarts: tuple[str, ...] = ()
    #: Kept, since the edges of a thousand hosts name it a million times.
    key: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", f"{self.host}/{self.resource.id}")


@dataclass(frozen=True, slots=True)
class Placed:
    """A proof and the keys of the steps that must not begin without it; none: nothing must, but for the steps `after`
    which it comes."""

    proof: Proof
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Concerned:
    """An inquiry and the keys of the steps whose failure it is about."""

    inquiry: Inquiry
    about: tuple[str, ...]


@dataclass
class Playbook:
    """Collects steps. `add` returns the step, to be named by later ones."""

    steps: list[Step] = field(default_factory=list)
    #: What is known of the hosts already and is not as it should be; what blocks keeps `up` from beginning.
    findings: list[Finding] = field(default_factory=list)
    #: Host → what `check` shows of it.
    known: dict[str, tuple[Known, ...]] = field(default_factory=dict)
    #: What can only be judged of all hosts together, when their resources have been looked at. What a review finds to
    #: block keeps `up` from beginning, as if the playbook had said so itself.
    reviews: list[Review] = field(default_factory=list)
    #: Leaves out of all findings of a run those that only follow from another one.
    sift: Callable[[Sequence[Finding]], list[Finding]] = list
    #: What the hosts show together before what stands on it is changed, in this order.
    proofs: list[Placed] = field(default_factory=list)
    #: What all hosts are asked when a step has failed.
    inquiries: list[Concerned] = field(default_factory=list)
    #: What the cut of the model takes of each GPU, where that is known.
    sizing: Sizing | None = None
    #: Worth a line, in the way of nothing: (host, text).
    notes: list[tuple[str, str]] = field(default_factory=list)
    #: Shown after a successful `up`: where the model answers, for example.
    outcome: list[str | Telling] = field(default_factory=list)
    #: Shown in the end of a `check`: what is no finding, and worth a line.
    remarks: list[str | Telling] = field(default_factory=list)
    _known: set[str] = field(default_factory=set, init=False, repr=False, compare=False)

    def add(
        self,
        resource: Resource,
        *,
        on: str,
        after: Step | Iterable[Step] = (),
        follows: Step | Iterable[Step] = (),
        together: str = "",
        restarts: Step | Iterable[Step] = (),
    ) -> Step:
        """Raises PlaybookError if the host has a resource of that id already, or an edge names a step that
        was not added before (so that there are no cycles)."""
        followed, again = _keys(follows), _keys(restarts)
        before = tuple(dict.fromkeys((*_keys(after), *followed, *again)))
        step = Step(on, resource, before, followed, together, again)
        if len(self._known) != len(self.steps):  # some were put there without `add`
            self._known = {s.key for s in self.steps}
        if step.key in self._known:
            raise PlaybookError(f"{on}: two resources are called `{resource.id}`", hint="give one of them another id")
        for key in step.after:
            if key not in self._known:
                raise PlaybookError(f"{step.key} comes after `{key}`, which is not in the playbook before it")
        self.steps.append(step)
        self._known.add(step.key)
        return step

    def prove(self, proof: Proof, *, before: Step | Iterable[Step] = (), after: Step | Iterable[Step] = ()) -> None:
        """`up` goes through `proof` when one of the steps `before` is to change, and before it does; with none named,
        before anything is changed at all, except for the steps `after`, and for new folders that nothing uses yet
        (`Resource.ahead`), if the proof says that they may be made beside it."""
        self.proofs.append(Placed(proof, _keys(before), _keys(after)))

    def inquire(self, inquiry: Inquiry, *, about: Step | Iterable[Step]) -> None:
        """When one of the steps `about` fails, all hosts are asked why."""
        self.inquiries.append(Concerned(inquiry, _keys(about)))

    def by_host(self) -> dict[str, list[Resource]]:
        """What each host has by now, in the order of the steps."""
        found: dict[str, list[Resource]] = {}
        for step in self.steps:
            found.setdefault(step.host, []).append(step.resource)
        return found

    @property
    def blockers(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.blocks]

    def block(
        self, message: str, *, host: str = "", evidence: Iterable[str] = (), hint: str = "", area: str = "services"
    ) -> None:
        """`up` must not begin. `host` is empty where it concerns the whole cluster."""
        self.findings.append(blocker(host, message, evidence, hint, area))

    def note(self, text: str, *, host: str = "") -> None:
        self.notes.append((host, text))


def _keys(steps: Step | Iterable[Step]) -> tuple[str, ...]:
    return (steps.key,) if isinstance(steps, Step) else tuple(s.key for s in steps)
