"""A resource on a host: how it is probed, its desired state, and how it gets there. Pure data, no I/O.

A new resource is one new file: a frozen dataclass with `id`, `probe`, `want` and `fix`. Nothing registers
it; a playbook mentions it. One that lives in a user's own playbook file works as well.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from provision.core.finding import Finding, Known
from provision.core.script import Fragment, Script
from provision.core.spread import Offer, Spread
from provision.core.values import dataclass

#: What a resource is or should be, by aspect; None: it is absent.
State = Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Difference:
    """One aspect that differs from the desired state. `found` or `expected` is None where there is nothing. `cause`:
    what lies behind it, and maybe behind others on the host: of those that cannot be fixed, one is told."""

    aspect: str
    expected: str | None
    found: str | None
    hint: str = ""
    cause: str = ""

    def __str__(self) -> str:
        found, expected = self.found or "absent", self.expected or "absent"
        return f"{self.aspect} {found} → {expected}" if self.aspect else f"{found} → {expected}"


@dataclass(frozen=True, slots=True)
class Interruption:
    """Something that runs, and ends. `seconds`: how long its last start took, None if that is not known. `serves`:
    whether the model does not answer meanwhile."""

    label: str
    seconds: float | None = None
    serves: bool = False


class Resource(ABC):
    """One thing on one host. Subclasses are frozen dataclasses, compared by value."""

    #: False: a mismatch blocks the plan, before any host is changed.
    fixable: ClassVar[bool] = True
    #: False: `down` leaves it. "purge": only `down --purge` removes it.
    removable: ClassVar[bool | str] = True
    #: True: there is nothing to install, it is what comes of the steps that it follows. While one of those is not as
    #: wanted, that is what `check` names.
    outcome: ClassVar[bool] = False
    #: True: nothing that follows on the host may be sent there before this is done, such as files for a user.
    first: ClassVar[bool] = False
    #: True: sending it ahead may take hours. Where a proof fails it ends, and goes on from there the next time. False:
    #: what has begun is made to its end.
    ends_ahead: ClassVar[bool] = False
    #: What `check` files it under: one of provision.core.finding.AREAS.
    area: ClassVar[str] = "files"
    #: Why it matters that it is as wanted.
    why: ClassVar[str] = ""

    @property
    @abstractmethod
    def id(self) -> str:
        """Unique on its host and stable between runs: `kind:name`."""

    @property
    def label(self) -> str:
        """What progress and plans call it."""
        return self.id

    @abstractmethod
    def probe(self) -> Script:
        """Prints `key=value` lines; nothing means absent. Never writes."""

    @abstractmethod
    def want(self) -> State: ...

    @abstractmethod
    def fix(self, have: State, want: State) -> Script:
        """Takes the host from `have` to `want` (None: remove it). Safe to repeat after a half-done try."""

    def ahead(self, have: State) -> bool:
        """Whether a part of `fix` may be done before the proofs are through that it would wait for, and before what
        precedes it on its host: making a new folder, named by what it holds, that nothing uses before `fix` itself has
        been carried out. Decided by values alone; false once that part is done. Parts of other kinds (of `id`) are made
        on the same host at the same time."""
        return False

    @property
    def behind_first(self) -> bool:
        """Whether even that part waits for what is `first` on its host, such as the user whom it is for."""
        return False

    def fix_ahead(self, have: State, want: State) -> Script:
        """That part. Safe to repeat; `fix` takes up what it has made."""
        return self.fix(have, want)

    def spread(self, have: State, want: State) -> Spread | None:
        """What `fix` would download on this host, if others that download the same may share that; None: nothing. What
        comes of it `fix` takes up. Asked for where hosts may have files from each other."""
        return None

    def offer(self) -> Offer | None:
        """What others that want the same may have from this host once it is as wanted; None: nothing. Asked for where
        hosts may have files from each other."""
        return None

    def confirm(self) -> Script | None:
        """For what could lock out whoever makes it: run over another connection once `fix` is through. Until then the
        host must be ready to take it back by itself."""
        return None

    def fact(self, aspect: str) -> str:
        """What `check` calls this aspect; empty: the thing as a whole."""
        return f"{self.label} {aspect}".rstrip()

    def why_of(self, difference: Difference) -> str:
        """Why this one matters: what is said with it."""
        return self.why

    def in_check(self, difference: Difference) -> tuple[str, str]:
        """What was found and what is expected, as `check` calls them."""
        return difference.found or "absent", difference.expected or "absent"

    def blockers(self, have: State) -> tuple[Finding, ...]:
        """What the probe saw that a fix must not touch: it blocks the plan, before any host is changed. `have` as in
        `diff`."""
        return ()

    def known(self, have: State) -> tuple[Known, ...]:
        """What of `have` is worth showing, and remembering, also while nothing differs."""
        return ()

    def in_plan(self, have: State, differences: Sequence[Difference]) -> tuple[str, ...]:
        """What a plan says of its change, line by line. `have` and `differences` as of `diff`."""
        return tuple(str(difference) for difference in differences)

    def not_known(self, have: State) -> tuple[str, ...]:
        """What a plan cannot tell of its change, or how it is made, line by line. `have` as in `diff`."""
        return ()

    def stood(self, have: State) -> bool:
        """Whether what was there may be what others of this cluster were started on. `have` as in `diff`."""
        return have is not None

    def interrupted(self, have: State, differences: Sequence[Difference]) -> Interruption | None:
        """What ends when it is changed or removed; None: nothing. `have` and `differences` as of `diff`."""
        return None

    def spares(self, differences: Sequence[Difference]) -> bool:
        """Whether it goes on while these are fixed, and with it what follows it."""
        return False

    def stopped(self) -> Resource | None:
        """What must be so, on all hosts, before steps that change together are made anew; None: nothing."""
        return None

    def prepare(self, say: Callable[[str], None]) -> None:
        """Work on the controller that `fix` stands on, such as fetching what it will send. Called before any host is
        changed, and again before `fix`, for changed resources alone, from several threads. `say` reports progress."""
        return

    def prepared_as(self) -> object:
        """What is equal for resources that one of them prepares for all; None: each by itself."""
        return None

    def explain(self, failed: Fragment) -> tuple[tuple[str, ...], str]:
        """Evidence and hint for a fix that failed: by default the last lines that it printed."""
        return failed.tail(), ""

    def resumed(self, have: State, failed: Fragment) -> State:
        """What is known once a fix from `have` has failed, if it is to be tried once more from there; None: it has
        failed."""
        return None

    def read(self, fragment: Fragment) -> State:
        """What the probe saw. Lines that are not `key=value` are ignored, a later key wins."""
        state = {}
        for line in fragment.stdout.splitlines():
            key, sep, value = line.partition("=")
            if sep:
                state[key] = value
        return state or None

    def diff(self, have: State, want: State) -> tuple[Difference, ...]:
        """Empty if `have` will do. By default every wanted aspect must be equal, and others may be anything."""
        if want is None:
            return () if have is None else (Difference("", None, "present"),)
        if have is None:
            return (Difference("", "present", None),)
        return tuple(
            Difference(aspect, value, have.get(aspect)) for aspect, value in want.items() if have.get(aspect) != value
        )
