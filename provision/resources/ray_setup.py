"""What a Ray node runs on: its host's network, its environment, and the folders and token that it has there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from provision.core.secret import Secret
from provision.core.values import dataclass
from provision.inventory.models import Ray

#: Ray's temporary folder, in the folder for it. Short, as that is.
BELOW = "r"


@dataclass(frozen=True)
class Network:
    """What this node is to the others: `node_ip`, the `interface` that holds it, and the RDMA `devices` that its GPUs
    talk through, if it has any."""

    node_ip: str
    interface: str
    devices: tuple[str, ...] = ()

    def environment(self) -> dict[str, str]:
        """The variables that must be right *per host* (vllm#7815, vllm#13521): they are set before `ray start`,
        because a node's own values win over those that a driver sends along.

        To NCCL a name is the beginning of one (`eth1` is `eth10`, too) unless `=` stands before it, and so are those of
        RDMA devices: https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/env.html. Gloo takes names as they are.
        """
        found = {
            "VLLM_HOST_IP": self.node_ip,
            "NCCL_SOCKET_IFNAME": f"={self.interface}",
            "GLOO_SOCKET_IFNAME": self.interface,
        }
        return {**found, "NCCL_IB_HCA": f"={','.join(self.devices)}"} if self.devices else found


@dataclass(frozen=True)
class Setup:
    """What a node runs on. `python` is the folder of the environment, `lock` the digest it was made from, `base`
    the variables of the host, `token_file` holds the `token` that every node and driver must show, `scratch` is the
    folder that Ray's temporary one lies in, `former_scratch` where that was in earlier versions. `plain`: a Python for
    what needs nothing but Python's own; empty: that of the environment."""

    python: str
    lock: str
    network: Network
    settings: Ray
    base: Mapping[str, str] = field(hash=False)
    token_file: str
    token: Secret
    scratch: str
    former_scratch: str = ""
    plain: str = ""

    @property
    def plain_python(self) -> str:
        return self.plain or f"{self.python}/bin/python"

    @property
    def node_manager(self) -> tuple[str, int]:
        """Where the node's raylet listens."""
        return self.network.node_ip, self.settings.node_manager_port

    @property
    def tells_plainly(self) -> bool:
        """Whether its servers greet whoever connects: with TLS between the nodes they do not (RAY_USE_TLS)."""
        return {**self.base, **self.settings.env}.get("RAY_USE_TLS", "0") in ("", "0")

    @property
    def temp_dir(self) -> str:
        """Ray makes it writable for everybody (ray/_common/utils.py, try_make_directory_shared), so it lies in a folder
        that others cannot enter."""
        return f"{self.scratch}/{BELOW}"
