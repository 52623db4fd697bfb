"""That every host reaches every other, on every port that will be used, before anything is started that needs it.

Each host listens on its ports for some seconds, and connects to those of all others: what a firewall swallows, what has
no route, and a path that loses large packets are otherwise found by half an hour of silence (vllm#8447, vllm#58290).
"""

from __future__ import annotations

import json
import secrets
import shlex
from collections.abc import Mapping
from dataclasses import field
from typing import Any, ClassVar

from provision.cluster.cluster import Cluster
from provision.core.errors import HostError
from provision.core.proof import Proof, Shown
from provision.core.script import Fragment, Script
from provision.core.values import dataclass
from provision.payload.bundle import bundle, shell
from provision.proofs.network.answers import Silent, read_answer
from provision.proofs.network.members import Member, NetworkResult
from provision.proofs.network.ports import members


@dataclass(frozen=True)
class NetworkProof(Proof):
    """Of `members`, by TCP, in both directions. `key`: what they know each other by, for no longer than it takes.
    `firewall`: the command that prints what a firewall must let through."""

    name: ClassVar[str] = "network"
    beside_folders: ClassVar[bool] = True

    members: tuple[Member, ...]
    key: str = field(repr=False, compare=False)
    firewall: str = "provision firewall"

    @property
    def label(self) -> str:
        return "network proof"

    def scripts(self) -> Mapping[str, Script]:
        if len(self.members) < 2:
            return {}
        # For as many hosts as one controller starts in a second or two, and then some.
        settle = 5.0 + len(self.members) / 20
        found = {}
        for member in self.members:
            if member.python:
                asked = json.dumps(self._asked(member, settle), separators=(",", ":"))
                variables = {"python": member.python, "program": bundle("network.host:main"), "asked": asked}
                found[member.name] = Script(shell("files/trust.sh", "network/run.sh"), variables, timeout=settle + 60)
        return found

    def read(self, answers: Mapping[str, Fragment], failed: Mapping[str, HostError]) -> Shown:
        from provision.proofs.network.findings import show  # a check proves nothing

        if len(self.members) < 2:
            return Shown()
        read = {name: read_answer(fragment) for name, fragment in answers.items()}
        silent = {name: Silent(e.message, tuple(e.evidence), e.hint) for name, e in failed.items()}
        silent |= {name: answer for name, answer in read.items() if isinstance(answer, Silent)}
        said = {name: answer for name, answer in read.items() if not isinstance(answer, Silent)}
        return show(NetworkResult(self.members, said, silent), self.firewall)

    def _asked(self, member: Member, settle: float) -> dict[str, Any]:
        # Each begins with the one behind it, so that in every round each host is asked by one other, not by all.
        place = self.members.index(member)
        others = (*self.members[place + 1 :], *self.members[:place])
        return {
            "me": member.name,
            "address": member.address,
            "ports": [port for port, _ in member.ports],
            "key": self.key,
            "settle": settle,
            "patience": settle + 5.0,
            "peers": {
                other.name: [other.address, [port for port, _ in other.ports], bool(other.python)] for other in others
            },
        }


def network_proof(cluster: Cluster) -> NetworkProof:
    """Of the hosts that were contacted. Its key is drawn anew: what a stranger sees of it on the network is no help in
    guessing a secret of the cluster."""
    firewall = shlex.join(["provision", "firewall", cluster.inventory.path.name])
    return NetworkProof(members(cluster), secrets.token_hex(32), firewall)
