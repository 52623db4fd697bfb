"""What runs of a cluster on a host whose folder others could change: known by marks and units, by no file of ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from provision.core.resource import Resource, State
from provision.core.script import Script, Value
from provision.payload.bundle import shell

_LIBRARY = "marked/library.sh"


@dataclass(frozen=True)
class StillRunning(Resource):
    """No process of `cluster` runs on `host`. Root stops units, which lie in its own folder; processes are ended with
    the rights of whoever logged in, and of `user`, whom services run as. Nothing below `left`, our folder there, is
    read, run or removed."""

    area: ClassVar[str] = "services"
    why: ClassVar[str] = "they hold ports, memory and GPUs"

    cluster: str
    host: str
    left: str
    user: str = ""

    @property
    def id(self) -> str:
        return f"marked:{self.cluster}/{self.host}"

    @property
    def label(self) -> str:
        return f"processes of {self.cluster}"

    def want(self) -> State:
        return None

    def probe(self) -> Script:
        return Script(shell(_LIBRARY, "marked/probe.sh"), self._variables())

    def fix(self, have: State, want: State) -> Script:
        return Script(shell(_LIBRARY, "marked/stop.sh"), {**self._variables(), "left": self.left}, timeout=120)

    def _variables(self) -> dict[str, Value]:
        return {"prefix": f"{self.cluster}/{self.host}/", "user": self.user}
