"""The barrier before the model: the *expected* nodes and GPUs have joined Ray, or those missing are named.

Too few GPUs do not make vLLM fail, they make it wait in silence for half an hour; so it is not started before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import ClassVar

from provision.core.resource import Difference, Resource, State
from provision.core.script import Fragment, Script, Value
from provision.core.values import dataclass
from provision.payload.bundle import bundle, shell
from provision.payload.ray_members import ELSEWHERE
from provision.resources.ray import RayHead
from provision.resources.service import LIBRARY


@dataclass(frozen=True)
class RayMembers(Resource):
    """`expected`: node IP → (host name, GPUs); `unknown`: names of hosts that could not be asked for their address, and
    are not compared with what was recorded; `others`: further addresses of the hosts → host name, by which one is known
    that tells Ray the wrong one; `resources`: node IP → custom resources that it must have. Asked on the head through
    Ray itself, once per start of the head or of a worker; what was seen is recorded with the head's identity, so that
    looking again costs no interpreter."""

    outcome: ClassVar[bool] = True
    area: ClassVar[str] = "services"
    why: ClassVar[str] = "for a node or a GPU that Ray does not count, vLLM waits in silence for half an hour"

    head: RayHead
    expected: Mapping[str, tuple[str, int]] = field(hash=False)
    timeout: float
    unknown: frozenset[str] = frozenset()
    others: Mapping[str, str] = field(default_factory=dict, hash=False)
    resources: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    @property
    def id(self) -> str:
        return "ray-members"

    @property
    def label(self) -> str:
        return "Ray members"

    def fact(self, _: str) -> str:
        return self.label

    def want(self) -> State:
        return {"nodes": self._nodes()}

    def _nodes(self) -> str:
        return ", ".join(self._node(ip, name, gpus) for ip, (name, gpus) in sorted(self.expected.items()))

    def _node(self, ip: str, name: str, gpus: int) -> str:
        """Without a comma: that stands between two."""
        own = " + ".join(self.resources.get(ip, ()))
        return f"{name} {ip} with {gpus} GPUs" + (f" as {own}" if own else "")

    def diff(self, have: State, want: State) -> tuple[Difference, ...]:
        if have and want and self._known(have.get("nodes", "")) == self._known(want["nodes"]):
            return ()
        return super().diff(have, want)

    def _former(self, have: State) -> Iterator[tuple[str, str]]:
        """Those that had joined this head when it was last asked, and are not expected any more."""
        for node in (have or {}).get("nodes", "").split(", "):
            name, _, rest = node.partition(" ")
            ip = rest.partition(" ")[0]
            if ip and ip not in self.expected and name not in self.unknown:
                yield ip, name

    def _known(self, nodes: str) -> list[str]:
        return [node for node in nodes.split(", ") if node.partition(" ")[0] not in self.unknown]

    def probe(self) -> Script:
        return Script(shell("ray/members_probe.sh"), before=self.head.place.look())

    def explain(self, failed: Fragment) -> tuple[tuple[str, ...], str]:
        folder = self.head.place.folder.rsplit("/", 2)[0]
        if ELSEWHERE in failed.stderr:
            hint = "take `node-ip-address` out of `ray.args`, or set the host's `node_ip` to the address that is meant"
            return failed.tail(), hint
        hint = f"run `provision check`, then look at {folder}/<host>/ray/log on the hosts named above"
        return failed.tail(), hint

    def fix(self, have: State, want: State) -> Script:
        if want is None:
            return Script('rm -f -- "$dir/members"', {"dir": self.head.place.folder})
        counted = self.counted(have)
        body = f"{shell(*LIBRARY)}\n{counted.body}"
        return Script(body, {**self.head.variables(), **counted.vars}, timeout=self.timeout + 60)

    def counted(self, have: State = None) -> Script:
        """Waits for them, and records what was seen; for whoever knows the library and the place of the head. `have`:
        who had joined it when it was last asked."""
        variables: dict[str, Value] = {
            "python": f"{self.head.setup.python}/bin/python",
            "program": bundle("ray_members:main"),
            "address": self.head.address,
            "node_ip": self.head.setup.network.node_ip,
            "token_file": self.head.setup.token_file,
            "expected": "\n".join(f"{ip} {gpus} {name}" for ip, (name, gpus) in self.expected.items()),
            "former": "\n".join(f"{ip} {name}" for ip, name in self._former(have)),
            "others": "\n".join(f"{ip} {name}" for ip, name in self.others.items()),
            "resources": "\n".join(f"{ip} {self.expected[ip][0]} {' '.join(r)}" for ip, r in self.resources.items()),
            "nodes": self._nodes(),
            "seconds": int(self.timeout),
            "home": self.head.setup.base.get("HOME", "/"),
        }
        return Script(shell("listener.sh", "ray/members.sh"), variables)
