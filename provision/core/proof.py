"""What hosts can only prove together, at one moment: that each reaches every other, or that an all-reduce over all
their GPUs works. Pure data, no I/O, like a resource; but it changes nothing, and leaves nothing behind.

A playbook declares it (`Playbook.prove`). `up` runs it before it changes steps that depend on it; `check --prove` runs
all of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import field
from typing import ClassVar

from provision.core.errors import HostError
from provision.core.finding import Finding, Known
from provision.core.resource import State
from provision.core.script import Fragment, Script
from provision.core.values import dataclass


@dataclass(frozen=True)
class Shown:
    """What came of it. `findings` that block keep `up` from going on. `notes`: (host, text), the host empty for the
    cluster; what was proved, in numbers. `known`: host → cells for the table of `check`."""

    findings: tuple[Finding, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    known: Mapping[str, tuple[Known, ...]] = field(default_factory=dict)


class Proof(ABC):
    """Subclasses are frozen dataclasses. `name` is what `--skip` calls it."""

    name: ClassVar[str]
    #: Names of proofs without which this one would only show their fault once more.
    stands_on: ClassVar[tuple[str, ...]] = ()
    #: Whether it shows the same while hosts make new folders (`Resource.ahead`): it needs none of them, and has time.
    beside_folders: ClassVar[bool] = False
    #: Whether it measures nothing and may be gone through while one that measures makes itself ready.
    alongside: ClassVar[bool] = False

    @property
    @abstractmethod
    def label(self) -> str:
        """What progress calls it."""

    def needed(self, states: Mapping[str, State]) -> bool:
        """Whether it would show anything new. `states`: of each step that it is for and that is to change, by key, how
        that is now."""
        return True

    @abstractmethod
    def scripts(self) -> Mapping[str, Script]:
        """Host → what it does. All are started at the same moment, and run until each has ended or its timeout is
        over; a script must therefore have a deadline of its own for what the other hosts owe it."""

    def with_company(self, company: Mapping[str, tuple[int, ...]], seconds: float) -> Proof | None:
        """This proof, which makes itself ready while others are under way, and measures once they are through:
        `company`, host → the pids of what they run there; none of it lasts for more than `seconds`. None: it is gone
        through when they are."""
        return None

    def patience(self, ended: Collection[str]) -> float | None:
        """Seconds for which the others are still waited for, now that the scripts of the hosts `ended` are over; None:
        for as long as they may take."""
        return None

    @abstractmethod
    def read(self, answers: Mapping[str, Fragment], failed: Mapping[str, HostError]) -> Shown:
        """`answers`: what the scripts printed, by host. `failed`: the hosts whose script could not be run to its end
        (connection lost, timeout)."""
