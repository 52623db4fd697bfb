"""What must be absent: what another playbook put on the host, and a service's processes before it restarts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from provision.core.resource import Difference, Interruption, Resource, State
from provision.core.script import Fragment, Script
from provision.core.values import dataclass
from provision.payload.bundle import shell
from provision.resources.service import LIBRARY, STOP, Service, sending


@dataclass(frozen=True)
class Absent(Resource):
    """`of` is not there. What it left on the host is taken away, by `up` and by `down`."""

    area: ClassVar[str] = "services"
    why: ClassVar[str] = "it belongs to another backend than the inventory's, and holds ports, memory and GPUs"

    of: Resource

    @property
    def id(self) -> str:
        return self.of.id

    @property
    def label(self) -> str:
        return self.of.label

    def want(self) -> State:
        return None

    def probe(self) -> Script:
        return self.of.probe()

    def read(self, fragment: Fragment) -> State:
        return self.of.read(fragment)

    def diff(self, have: State, want: State) -> tuple[Difference, ...]:
        return self.of.diff(have, None)

    def fix(self, have: State, want: State) -> Script:
        return self.of.fix(have, None)

    def interrupted(self, have: State, differences: Sequence[Difference]) -> Interruption | None:
        return self.of.interrupted(have, ())


@dataclass(frozen=True)
class Stopped(Resource):
    """No process of `of` runs, whichever start it is of. Its folder stays, and in there the log of its last run."""

    area: ClassVar[str] = "services"
    why: ClassVar[str] = "a process of an earlier start would meet those of the next one"

    of: Service

    @property
    def id(self) -> str:
        return f"stopped:{self.of.id}"

    @property
    def label(self) -> str:
        return f"{self.of.label}, stopped first"

    def want(self) -> State:
        return {"processes": "none"}

    def probe(self) -> Script:
        return Script(shell(*LIBRARY, "service/left.sh"), self.of.variables())

    def fix(self, have: State, want: State) -> Script:
        return Script(f"{shell(*STOP)}\nstop || exit 1", {**self.of.variables(), **sending()}, timeout=120)
