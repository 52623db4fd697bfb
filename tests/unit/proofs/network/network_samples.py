"""Made-up answers of hosts to a network proof, all well unless said otherwise."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from provision.core.errors import HostError
from provision.core.finding import Finding
from provision.core.proof import Shown
from provision.core.script import Fragment
from provision.proofs.network.members import Member
from provision.proofs.network.proof import NetworkProof

#: What a worker listens on; the head has Ray's port as well.
PORTS = ((6380, "Ray's node manager"), (20000, "Ray's workers"), (32768, "any"))


@dataclass
class Made:
    """`count` hosts, gpu-01 to … of them the first the head; then what is wrong between them."""

    count: int = 3
    without_python: Sequence[str] = ()
    closed: dict[tuple[str, str, int], tuple[str, str]] = field(default_factory=dict)
    paths: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    taken: dict[str, dict[str, str]] = field(default_factory=dict)
    failed: dict[str, HostError] = field(default_factory=dict)
    answers: dict[str, Fragment] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return [f"gpu-{n:02d}" for n in range(1, self.count + 1)]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        return [(a, b) for a in self.names for b in self.names if a != b]

    @property
    def members(self) -> tuple[Member, ...]:
        return tuple(
            Member(
                name,
                f"10.0.0.{number}",
                (*(((6379, "Ray"),) if number == 1 else ()), *PORTS),
                "eth1",
                "" if name in self.without_python else "/usr/bin/python3",
            )
            for number, name in enumerate(self.names, 1)
        )

    def ports(self, name: str) -> list[int]:
        return [port for member in self.members if member.name == name for port, _ in member.ports]

    def close(self, a: str, b: str, port: int, verdict: str, detail: str = "") -> None:
        self.closed[a, b, port] = (verdict, detail)

    def cut(self, a: str, b: str, verdict: str = "dropped", detail: str = "") -> None:
        for port in self.ports(b):
            self.close(a, b, port, verdict, detail)

    def shown(self) -> Shown:
        answers = {
            name: Fragment(0, json.dumps({"taken": self.taken.get(name, {}), "peers": self._peers(name)}), "")
            for name in self.names
            if name not in self.without_python and name not in self.failed
        }
        return NetworkProof(self.members, "key", "provision firewall gpus.yaml").read(
            {**answers, **self.answers}, self.failed
        )

    def found(self) -> tuple[Finding, ...]:
        return self.shown().findings

    def _peers(self, a: str) -> Mapping[str, Any]:
        sound = {"rtt_us": 120, "mtu": 9000, "mss": 8948, "payload": "passed", "acked": 0}
        return {
            b: {
                **sound,
                **self.paths.get((a, b), {}),
                "closed": {str(port): what for (x, y, port), what in self.closed.items() if (x, y) == (a, b)},
            }
            for b in self.names
            if b != a
        }
