"""vLLM's own multi-node mode: one `vllm serve` on each host, the head's with the API, the others `--headless`.

Read in vLLM 0.32.0: the ranks meet at a TCPStore that rank 0 opens on --master-port (distributed/parallel_state.py);
each host has as many ranks as the others (engine/arg_utils.py); a rank that dies ends its own host's process, and
the others wait for it (v1/executor/multiproc_executor.py). So they are started together, and anew together; and what
waits for all is a step of its own, since no more hosts than the run has threads can be waited for at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar

from provision.core.resource import Resource, State
from provision.core.script import Fragment, Script, Value
from provision.core.values import dataclass
from provision.payload.bundle import shell
from provision.resources.absent import Stopped
from provision.resources.ranks import COUNT, Ranks
from provision.resources.service import LIBRARY, Service
from provision.resources.vllm import VllmServer

#: Flags that only the process with the API may have: `--headless` refuses the last one, and opens no port.
API_ONLY = frozenset({"host", "port", "api-server-count"})

#: Command lines of ranks (v1/executor/multiproc_executor.py): one that has met others has its place in its name.
ALONE = "VLLM::Worker*"
MET = "VLLM::Worker_*"

#: Whether a server has answered, by its stamp.
ANSWERED = "vllm/answered.sh"

#: How the message begins.
_NOT_MET = "its ranks have not met"


@dataclass(frozen=True)
class Meeting:
    """Where `nodes` hosts meet: at `address`, `port` of the first. `ranks`: how many each of them has. `timeout`:
    seconds within which all must be there."""

    nodes: int
    address: str
    port: int
    ranks: int
    timeout: float


@dataclass(frozen=True)
class VllmNode(VllmServer):
    """What the hosts' processes have in common. `rank`: of the host, 0 for the head."""

    meeting: Meeting
    rank: int

    def executor(self) -> dict[str, tuple[str, ...]]:
        flags: dict[str, tuple[str, ...]] = {"distributed-executor-backend": ("mp",)}
        if self.meeting.nodes > 1:
            flags |= {
                "nnodes": (str(self.meeting.nodes),),
                "node-rank": (str(self.rank),),
                "master-addr": (self.meeting.address,),
                "master-port": (str(self.meeting.port),),
            }
        return flags

    def ready(self) -> Script:
        """It runs. Nothing is waited for before all of them do: `RanksMet`, then `Answers`."""
        return Script(":")

    def stopped(self) -> Resource:
        return Stopped(self)


@dataclass(frozen=True)
class VllmHead(VllmNode):
    """The first process: the API, and its host's share of the ranks."""

    def ready(self) -> Script:
        """Alone it waits for nobody but itself."""
        return super().ready() if self.meeting.nodes > 1 else self.until_it_answers()

    def ports(self) -> tuple[int, ...]:
        return (self.serve.port, self.meeting.port) if self.meeting.nodes > 1 else (self.serve.port,)

    def health(self) -> Script:
        """While the model loads, nobody listens yet."""
        well, runs = super().health(), Service.health(self)
        body = f"{shell(ANSWERED)}\nif answered; then\n{well.body}\nelse {runs.body}\nfi"
        return Script(body, well.vars)

    def until_it_answers(self) -> Script:
        return VllmServer.ready(self)


@dataclass(frozen=True)
class VllmWorker(VllmNode):
    """One of the others, without an API."""

    purpose: ClassVar[str] = "its ranks are part of the model"
    why: ClassVar[str] = f"{purpose}, and new settings take effect only after a restart"

    @property
    def name(self) -> str:
        return "vLLM worker"

    @property
    def key(self) -> str:
        """It has no API to guard."""
        return ""

    def flags(self) -> dict[str, tuple[str, ...]]:
        return {**{k: v for k, v in super().flags().items() if k not in API_ONLY}, "headless": ()}

    def ports(self) -> tuple[int, ...]:
        return ()

    def health(self) -> Script:
        return Service.health(self)


@dataclass(frozen=True)
class RanksMet(Ranks):
    """The ranks of one host run and have met all others; they are ready to load the model."""

    node: VllmNode = field(kw_only=True)

    def fix(self, have: State, want: State) -> Script:
        meeting = self.node.meeting
        variables: dict[str, Value] = {
            **super().fix(have, want).vars,
            **self.node.variables(),
            "seconds": int(meeting.timeout),
            "where": f"{meeting.address}:{meeting.port}",
        }
        return Script(shell(*LIBRARY, COUNT, "vllm/meet.sh"), variables, timeout=meeting.timeout + 60)

    def explain(self, failed: Fragment) -> tuple[tuple[str, ...], str]:
        """Its own log cannot say what keeps another host's ranks away."""
        lines, hint = self.node.explain(failed)
        said = failed.stderr.partition("\n")[0]
        if not said.startswith(_NOT_MET):
            return lines, hint
        return (said, *lines), hint or "check the other hosts' ranks, or raise `ray.join_timeout`"


@dataclass(frozen=True)
class Answers(Resource):
    """The model answers, once all ranks have met. Nothing to install: fixing it is waiting while the model loads."""

    removable: ClassVar[bool | str] = False
    outcome: ClassVar[bool] = True
    area: ClassVar[str] = "services"
    why: ClassVar[str] = "an open port does not show that the model answers"

    server: VllmHead

    @property
    def id(self) -> str:
        return "answers"

    @property
    def label(self) -> str:
        return "the model's answer"

    def fact(self, _: str) -> str:
        return self.label

    def want(self) -> State:
        return {"answers": "yes"}

    def probe(self) -> Script:
        return Script(f"{shell(*LIBRARY, ANSWERED)}\n{LOOK}", self.server.variables())

    def fix(self, have: State, want: State) -> Script:
        wait = self.server.until_it_answers()
        variables: Mapping[str, Value] = {**self.server.variables(), **wait.vars}
        return Script(f"{shell(*LIBRARY, ANSWERED)}\n{RUNNING}\n{wait.body}", variables, timeout=wait.timeout)

    def explain(self, failed: Fragment) -> tuple[tuple[str, ...], str]:
        return self.server.explain(failed)


LOOK = """
read_stamp && alive && answered || exit 0
echo answers=yes
"""

RUNNING = """
read_stamp && alive || gave_up "vLLM is not running" 400
! answered || exit 0
"""
