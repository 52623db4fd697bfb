"""What runs of a cluster on a host and belongs to none of its services: known by marks, units and logs.

What a service has started is found by its stamp, and where that is gone by its mark (service.py). This is the last
look, at everything that carries the mark of the cluster, whatever has become of stamps and folders. `down` says that
nothing is left once this has found nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from provision.core.resource import Difference, Interruption, Resource, State
from provision.core.script import Fragment, Script, Value
from provision.core.values import dataclass
from provision.payload.bundle import shell
from provision.resources.service import sending

_LIBRARY = "marked/library.sh"

_HINT = "hint: "


@dataclass(frozen=True)
class StillRunning(Resource):
    """No process of `cluster` runs on `host`; with `only`, none of these services. Root stops units, which lie in its
    own folder; processes are ended with the rights of whoever logged in, and of `user`, whom services run as. Nothing
    below `left`, a folder of ours there that is said to stay, is read, run or removed; empty: none is. `folders`: of
    services, `scratches`: where they write as well; by the logs in there those are known whose titles have overwritten
    their marks."""

    area: ClassVar[str] = "services"
    why: ClassVar[str] = "they hold ports, memory and GPUs"

    cluster: str
    host: str
    left: str = ""
    user: str = ""
    only: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    scratches: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return f"marked:{self.cluster}/{self.host}"

    @property
    def label(self) -> str:
        return f"processes of {self.cluster}"

    def want(self) -> State:
        return None

    def diff(self, have: State, want: State) -> tuple[Difference, ...]:
        return () if have is None else (Difference("", None, have.get("running", "present")),)

    def interrupted(self, have: State, differences: Sequence[Difference]) -> Interruption | None:
        """The model, if its server is among them: whether it answers is not known."""
        return Interruption("vLLM", serves=True) if "(vllm)" in (have or {}).get("running", "") else None

    def probe(self) -> Script:
        return Script(shell(_LIBRARY, "marked/probe.sh"), self._variables())

    def fix(self, have: State, want: State) -> Script:
        return Script(
            shell(_LIBRARY, "signals.sh", "marked/stop.sh"),
            {**self._variables(), **sending(), "left": self.left},
            timeout=120,
        )

    def explain(self, failed: Fragment) -> tuple[tuple[str, ...], str]:
        lines = failed.tail()
        hints = [line.removeprefix(_HINT) for line in lines if line.startswith(_HINT)]
        return tuple(line for line in lines if not line.startswith(_HINT)), "".join(hints[:1])

    def _variables(self) -> dict[str, Value]:
        return {
            "prefix": f"{self.cluster}/{self.host}/",
            "user": self.user,
            "only": " ".join(self.only),
            "folders": "\n".join(self.folders),
            "scratches": "\n".join(self.scratches),
        }
