"""What listens on the hosts of a cluster that serves a model: the table of docs/exposure.md, and what it is compared
with on real hosts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

NODE, ALL, LOOPBACK = "the node's address", "all addresses", "loopback"

#: How each can be kept from strangers, by where it listens.
CLOSED_BY = {
    NODE: "its address: `node_ip`, `network` or `interface`",
    ALL: "a firewall alone: it has no setting for its address",
    LOOPBACK: "nothing to close",
}


@dataclass(frozen=True)
class Listener:
    """`ports`: as /proc shows them, a pattern of the port's digits; `written`: for the document. `process`: pattern of
    the name of who holds it. `where`: all of its sockets, but for `besides`. `head`: on the head alone."""

    what: str
    written: str
    ports: str
    process: str
    where: str
    besides: str = ""
    head: bool = False


#: In the order of the ports. The last two have ports that the kernel chooses at each start.
LISTENERS = (
    Listener("the model's API", "`serve.port` (8000)", "8000", "vllm", NODE, head=True),
    Listener("Ray: the head's control store", "`ray.port` (6379)", "6379", "gcs_server", ALL, head=True),
    Listener("Ray: node manager", "`ray.node_manager_port` (6380)", "6380", "raylet", ALL),
    Listener("Ray: objects", "`ray.object_manager_port` (6381)", "6381", "raylet", ALL),
    Listener("Ray: runtime environments", "`ray.runtime_env_agent_port` (6382)", "6382", "ray::Runtime.*", NODE),
    Listener("Ray: agent, gRPC", "`ray.dashboard_agent_grpc_port` (6383)", "6383", "ray::Dashboard.*", ALL),
    Listener("Ray: figures for Prometheus", "`ray.metrics_export_port` (6384)", "6384", "ray::Dashboard.*", ALL),
    Listener("Ray: workers, the ranks among them", "`ray.min_worker_port` … (20000 to 20999)", "20[0-9]{3}",
             "ray::.*|VLLM::.*", ALL),
    Listener("Ray: figures of autoscaler and dashboard", "44217, 44227", "442[12]7", "python", ALL, head=True),
    Listener("Ray: agent, HTTP", "`ray.dashboard_agent_listen_port` (52365)", "52365", "ray::Dashboard.*", NODE,
             besides=LOOPBACK),
    Listener("where the ranks meet (PyTorch's TCPStore)", "any; without Ray `serve.master_port`",
             "(?!20[0-9]{3}$)[0-9]+", "ray::RayWorker.*", ALL, head=True),
    Listener("between the ranks (Gloo, vLLM's ZeroMQ)", "any", "[0-9]+", "ray::RayWorker.*|VLLM::.*", NODE),
)  # fmt: skip

#: A line of `ss -ltnpH`.
_LINE = re.compile(r'LISTEN\s+\d+\s+\d+\s+(?P<host>\S+):(?P<port>\d+)\s+\S+\s+users:\(\("(?P<process>[^"]+)"')


@dataclass(frozen=True)
class Seen:
    where: str
    port: str
    process: str

    def is_of(self, one: Listener) -> bool:
        names = re.fullmatch(one.process, self.process) and re.fullmatch(one.ports, self.port)
        return bool(names) and self.where in (one.where, one.besides)


def seen(printed: str, node_ip: str) -> Iterator[Seen]:
    """What `ss -ltnpH` printed, without sshd. Another address than the node's is called by itself."""
    kinds = {"*": ALL, "0.0.0.0": ALL, "[::]": ALL, "127.0.0.1": LOOPBACK, "[::1]": LOOPBACK, node_ip: NODE}
    for line in printed.splitlines():
        found = _LINE.match(line.strip())
        assert found, f"a line of ss cannot be read: {line}"
        if found["process"] != "sshd":
            yield Seen(kinds.get(found["host"], found["host"]), found["port"], found["process"])
