"""Where the model's ranks run: proof that the cut over the hosts is the one that was asked for.

With all GPUs of the cluster in use there is one right answer, the host's own count of GPUs. It is read from the
process table: vLLM's ranks are Ray actors, and Ray names a process after its actor's class. Which rank a process is
stands before each line of its log.
"""

from __future__ import annotations

from typing import ClassVar

from provision.core.finding import Known
from provision.core.resource import Resource, State
from provision.core.script import Script, Value
from provision.core.values import dataclass
from provision.payload.bundle import shell
from provision.resources.service import LIBRARY, Place

COUNT = "vllm/ranks.sh"

#: What `check` calls them.
RANKS = "ranks of the model"

#: Where Ray keeps what an actor prints, below its folder for temporary files: the name ends with the process's id.
RAY_LOGS = "session_latest/logs/worker-*-@.out"

#: What ranks leave below /dev/shm, also after a clean end: their message queues (Python's shared memory), and those of
#: ranks on a CPU.
SEGMENTS = ("psm_*", "*-cpushm_*")


@dataclass(frozen=True)
class Ranks(Resource):
    """`count` ranks run under the Ray node at `ray`. Nothing to install: fixing it is waiting for them, and the
    server that it follows starts them. They go with it, so there is nothing to remove.

    `processes`: pattern of their command lines. `logs`: pattern of the file that one writes to, `@` for its process id.
    `tensor`: how many ranks share a layer; those of one stage are numbered one after another.
    """

    removable: ClassVar[bool | str] = False
    outcome: ClassVar[bool] = True
    area: ClassVar[str] = "services"
    why: ClassVar[str] = "the model is cut into as many parts as there are GPUs, and each host must run its own"

    ray: Place
    count: int
    processes: str = "ray::RayWorker*"
    logs: str = ""
    tensor: int = 1

    @property
    def id(self) -> str:
        return "ranks"

    @property
    def label(self) -> str:
        return RANKS

    def fact(self, _: str) -> str:
        return self.label

    def want(self) -> State:
        return {"ranks": str(self.count)}

    def known(self, have: State) -> tuple[Known, ...]:
        """Which they are where the log says so, else how many; another start may place them otherwise."""
        if have is None:
            return ()
        which = have.get("which", "").replace(",", ", ") or f"{have.get('ranks', 0)} ranks"
        return (Known(self.area, RANKS, which, lasting=False),)

    def probe(self) -> Script:
        return Script(shell(*LIBRARY, COUNT, "vllm/which_ranks.sh"), self._variables())

    def fix(self, have: State, want: State) -> Script:
        return Script(shell(*LIBRARY, COUNT, "vllm/wait_for_ranks.sh"), {**self._variables(), "count": self.count})

    def _variables(self) -> dict[str, Value]:
        place = self.ray.variables()
        return {**place, "processes": self.processes, "logs": self.logs, "tensor": self.tensor}
