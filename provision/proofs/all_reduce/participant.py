"""A host's part in what all ranks do together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from provision.cluster.cluster import Node
from provision.core.values import dataclass

#: What the kernel says of a port of an RDMA device that may be used.
ACTIVE = "ACTIVE"


@dataclass(frozen=True)
class Participant:
    """`folder`: of the environment. `interface`: the one that its ranks are told to use; `carries`: the one that has
    `node_ip`, empty where that is not known. `environment`: the variables that its ranks will have. `gpus`: how many
    nvidia-smi lists. `rdma`: names of its RDMA devices that are up. `user`: whom its ranks run as, if not as the one
    who starts them."""

    host: str
    node_ip: str
    interface: str
    folder: str
    carries: str = ""
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)
    gpus: int = 0
    rdma: tuple[str, ...] = ()
    user: str = ""

    @property
    def elsewhere(self) -> bool:
        """Whether its ranks are told to use an interface that does not have its address."""
        return bool(self.carries) and self.interface != self.carries

    @property
    def misled(self) -> tuple[str, str]:
        """What is said of a host that is told so, and what to do."""
        return (
            f"its ranks are set to use `{self.interface}`, which does not have its address {self.node_ip}",
            f"set hosts.{self.host}.interface to {self.carries}, or leave it out",
        )


def participant(node: Node, folder: str, environment: Mapping[str, str], user: str = "") -> Participant:
    fabrics = node.facts.fabrics if node.facts is not None else ()
    rdma = tuple(dict.fromkeys(port.device for port in fabrics if port.state == ACTIVE))
    carries = node.interface_of(node.node_ip)
    interface = environment.get("GLOO_SOCKET_IFNAME", node.interface)
    return Participant(node.name, node.node_ip, interface, folder, carries, environment, node.gpus, rdma, user)
