"""Where the model's ranks run: proof that the cut over the hosts is the one that was asked for.

With all GPUs of the cluster in use there is one right answer, the host's own count of GPUs. It is read from the
process table: vLLM's ranks are Ray actors, and Ray names a process after its actor's class. Which rank a process is
stands before each line of its log.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from provision.core.finding import Known
from provision.core.resource import Resource, State
from provision.core.script import Script, Value
from provision.resources.service import Place
from provision.resources.service_scripts import LIBRARY

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
    why: ClassVar[str] = "the model is cut into as many parts as there are GPUs, and each host has to do its own"

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
        return Script(f'{LIBRARY}\n{COUNT}\necho "ranks=$(ranks)"\n{WHICH}', self._variables())

    def fix(self, have: State, want: State) -> Script:
        return Script(f"{LIBRARY}\n{COUNT}\n{WAIT}", {**self._variables(), "count": self.count})

    def _variables(self) -> dict[str, Value]:
        mark = self.ray.owner_mark
        return {"mark": mark, "processes": self.processes, "logs": self.logs, "tensor": self.tensor}


COUNT = r"""
these() {
    for p in $(ours); do
        case $(tr '\0' ' ' < "/proc/$p/cmdline" 2>/dev/null) in $processes) echo "$p" ;; esac
    done
}
ranks() { set -- $(these); echo "$#"; }
"""

# vllm/v1/executor/multiproc_executor.py names a rank `Worker_PP1_TP0`, leaving out a degree that is 1; its lines begin
# with `(Worker_PP1_TP0 pid=619)`. Before it knows, it is `Worker`, and stays so where it is alone. Only the first rank
# of a host says its number.
WHICH = r"""
part() { case $1 in *"$2"[0-9]*) v=${1#*"$2"}; echo "${v%%[!0-9]*}" ;; *) echo 0 ;; esac; }
which=$(for p in $(these); do
    case $logs in '') continue ;; *@*) files=${logs%@*}$p${logs##*@} ;; *) files=$logs ;; esac
    name=$(grep -hosm1 "(Worker_[A-Z0-9_]* pid=$p)" $files || grep -hosm1 "(Worker pid=$p)" $files) || continue
    stage=$(part "$name" _PP) share=$(part "$name" _TP)
    echo "$((stage * tensor + share)) (PP$stage TP$share)"
done | sort -n | paste -sd , -)
[ -z "$which" ] || echo "which=$which"
"""

WAIT = """
n=0
until [ "$(ranks)" = "$count" ]; do
    if [ "$n" -ge 40 ]; then
        echo "$(ranks) ranks of the model run here, $count were to: look at Ray's placement on the head" >&2
        exit 1
    fi
    n=$((n + 1)); sleep 0.25
done
echo "::note ranks of the model that run here: $count of $count"
"""
