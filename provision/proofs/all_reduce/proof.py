"""The hosts add up a number, each with its share, as the ranks of a model do for every token: timed, and with a
deadline. One process for each GPU over NCCL, as the model will have, where torch has CUDA on every host; else one for
each host over Gloo, which is what a CPU build has.

What each host runs is provision.payload.all_reduce; what is made of its answers, in findings.py.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import field, replace
from typing import ClassVar

from provision.cluster.cluster import Cluster, Node
from provision.core.errors import HostError
from provision.core.proof import Proof, Shown
from provision.core.script import Fragment, Script, Value, environment
from provision.core.values import dataclass
from provision.payload.bundle import bundle, shell
from provision.proofs.all_reduce.participant import Participant, participant

#: Where the hosts meet, on the first of them: in the range from which NCCL and Gloo take their ports anyway
#: (/proc/sys/net/ipv4/ip_local_port_range, 32768 to 60999 unless set), so that what lets the model through lets this.
PORT = 51017


@dataclass(frozen=True)
class AllReduce(Proof):
    """Over `participants`, who meet at the first of them. `port`: one that is free there. `key`: by which they know
    each other, drawn for this proof.

    Seconds: `come`, for a host to begin; `load`, to load torch, which takes a minute from a slow file system;
    `measure`, from then on: a few are needed, and NCCL takes some to find its ways among many GPUs.

    `company`: host → pids of what else is under way there, for as many seconds as `accompanied` at most. torch is
    loaded meanwhile, and nothing is measured.
    """

    name: ClassVar[str] = "all-reduce"
    stands_on: ClassVar[tuple[str, ...]] = ("network",)

    cluster: str
    participants: tuple[Participant, ...]
    port: int = PORT
    come: float = 15.0
    load: float = 120.0
    measure: float = 45.0
    company: Mapping[str, tuple[int, ...]] = field(default_factory=dict, hash=False)
    accompanied: float = 0.0
    key: str = field(default_factory=lambda: secrets.token_hex(16), repr=False, compare=False)

    @property
    def label(self) -> str:
        return f"all-reduce over {len(self.participants)} hosts" if len(self.participants) > 1 else "all-reduce"

    def scripts(self) -> Mapping[str, Script]:
        body = shell("environment.sh", "users.sh", "all_reduce/run.sh")
        return {one.host: Script(body, self._variables(one), timeout=self._longest) for one in self.participants}

    def with_company(self, company: Mapping[str, tuple[int, ...]], seconds: float) -> AllReduce:
        return replace(self, company=company, accompanied=seconds)

    def patience(self, ended: Collection[str]) -> float | None:
        """When the first host is done all has been said: whoever is still at it hangs."""
        return 5.0 if self.participants[0].host in ended else None

    def read(self, answers: Mapping[str, Fragment], failed: Mapping[str, HostError]) -> Shown:
        from provision.proofs.all_reduce.findings import shown  # a check proves nothing

        return shown(self, answers, failed)

    @property
    def _longest(self) -> float:
        return self.come + self.load + self.accompanied + self.measure + 30

    def _variables(self, part: Participant) -> Mapping[str, Value]:
        wanted = {
            "host": part.host,
            "hosts": [{"name": one.host, "ip": one.node_ip} for one in self.participants],
            "key": self.key,
            "port": self.port,
            "come": self.come,
            "load": self.load + self.accompanied,
            "company": self.company.get(part.host, ()),
            "measure": self.measure,
        }
        # How NCCL goes from host to host stands in its log alone.
        variables = environment({**part.environment, "NCCL_DEBUG": "INFO"})
        program = bundle("all_reduce.host:main")
        return {
            **variables,
            "python": f"{part.folder}/bin/python",
            "program": program,
            "wanted": json.dumps(wanted),
            "user": part.user,
        }


def all_reduce(
    cluster: Cluster,
    environment: Callable[[Node], Mapping[str, str]],
    folder: Callable[[Node], str],
    user: Callable[[Node], str],
) -> AllReduce | None:
    """Over the hosts that have GPUs, or all if none has; the head before the others. `environment`: what the ranks of
    a node will have; `folder`: of its Python environment; `user`: whom they run as, if not as the one who starts them.
    None where there is nothing to add up: no host that was
    asked, or one with one GPU."""
    nodes = [node for node in (cluster.head, *cluster.workers) if node.facts is not None]
    nodes = [node for node in nodes if node.gpus] or nodes
    if not nodes or (len(nodes) == 1 and nodes[0].gpus < 2):
        return None
    participants = tuple(participant(node, folder(node), environment(node), user(node)) for node in nodes)
    taken = {listener.port for listener in nodes[0].facts.listening} if nodes[0].facts else set()
    return AllReduce(cluster.name, participants, next(port for port in range(PORT, 2**16) if port not in taken))
