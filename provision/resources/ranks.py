"""Where the model's ranks run: proof that the cut over the hosts is the one that was asked for.

With all GPUs of the cluster in use there is one right answer, the host's own count of GPUs. It is read from the
process table: vLLM's ranks are Ray actors, and Ray names a process after its actor's class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from provision.resource import Resource, State
from provision.resources.service import Place
from provision.resources.service_scripts import LIBRARY
from provision.script import Script, Value


@dataclass(frozen=True)
class Ranks(Resource):
    """`count` ranks run under the Ray node at `ray`. Nothing to install: fixing it is waiting for them, and the
    server that it follows starts them. They go with it, so there is nothing to remove."""

    removable: ClassVar[bool | str] = False
    outcome: ClassVar[bool] = True
    area: ClassVar[str] = "services"
    why: ClassVar[str] = "the model is cut into as many parts as there are GPUs, and each host has to do its own"

    ray: Place
    count: int

    @property
    def id(self) -> str:
        return "ranks"

    @property
    def label(self) -> str:
        return "ranks of the model"

    def fact(self, _: str) -> str:
        return self.label

    def want(self) -> State:
        return {"ranks": str(self.count)}

    def probe(self) -> Script:
        return Script(f'{LIBRARY}\n{COUNT}\necho "ranks=$(ranks)"', {"mark": self.ray.owner_mark})

    def fix(self, have: State, want: State) -> Script:
        variables: dict[str, Value] = {"mark": self.ray.owner_mark, "count": self.count}
        return Script(f"{LIBRARY}\n{COUNT}\n{WAIT}", variables)


COUNT = r"""
ranks() {
    found=0
    for p in $(ours); do
        case $(tr '\0' ' ' < "/proc/$p/cmdline" 2>/dev/null) in ray::RayWorker*) found=$((found + 1)) ;; esac
    done
    echo "$found"
}
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
