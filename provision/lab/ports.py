"""The addresses and ports of loopback hosts: the whole machine shares them, so each lab takes what nobody listens on.

A host's sshd listens in the host's own block of ports: it is what shows every other lab, whoever's it is, that the
block and the network are taken.
"""

from __future__ import annotations

import hashlib
import random
import socket
import struct
from pathlib import Path

from provision.lab.command import LabError

PORTS = range(20000, 32000)  # below what the kernel hands out by itself (from 32768)
#: Each host has this many ports to itself, since Ray binds its own on every address: the first ones by name, the
#: second half for its workers.
BLOCK = 200
MOST_HOSTS = len(PORTS) // BLOCK
RAY_NAMES = (
    "port", "node_manager_port", "object_manager_port", "runtime_env_agent_port", "dashboard_agent_grpc_port",
    "dashboard_agent_listen_port", "metrics_export_port", "dashboard_port",
)  # fmt: skip
#: Where sshd listens in the first host's block, for all hosts of a lab alike; and in each host's own.
SSHD, HELD = 50, 51
NETWORKS = range(1, 255)


def ray_ports(first: int) -> dict[str, int]:
    """A host's settings for Ray, of the block that begins with this port."""
    named = {name: first + offset for offset, name in enumerate(RAY_NAMES)}
    return {**named, "min_worker_port": first + BLOCK // 2, "max_worker_port": first + BLOCK - 1}


def free_blocks(count: int) -> list[int]:
    """The first ports of as many blocks, in which nobody listens now. Where to begin is left to chance, so that two
    labs made at once do not take the same."""
    starts = list(range(PORTS.start, PORTS.stop - BLOCK + 1, BLOCK))
    random.shuffle(starts)
    used = {port for _, port in listening()}
    found = [first for first in starts if used.isdisjoint(range(first, first + BLOCK))][:count]
    if len(found) < count:
        raise LabError(f"no {count} blocks of {BLOCK} free ports between {PORTS.start} and {PORTS.stop}")
    return found


def free_network(directory: Path) -> int:
    """The third number of a lab's addresses, 127.0.x: one on whose addresses nobody listens, starting from one that the
    lab's place names, and so ports of its own where a port is bound to an address."""
    used = {int(address.split(".")[2]) for address, _ in listening() if address.startswith("127.0.")}
    start = int(hashlib.sha256(str(directory).encode()).hexdigest(), 16) % len(NETWORKS)
    for net in sorted(NETWORKS, key=lambda number: (number - 1 - start) % len(NETWORKS)):
        if net not in used:
            return net
    raise LabError("no 127.0.x.0/24 network is free on this machine", hint="end a lab with `provision lab down`")


def listening() -> set[tuple[str, int]]:
    """The (address, TCP port) of this machine on which somebody listens; the address is empty for IPv6."""
    found = set()
    for name in ("tcp", "tcp6"):
        # proc(5): the second field is the local address and port in hexadecimal, the fourth the state; 0A is LISTEN.
        for fields in map(str.split, _table(Path("/proc/net") / name)):
            address, _, port = fields[1].partition(":")
            if fields[3] == "0A":
                # The address is a number in this machine's own order of bytes.
                shown = socket.inet_ntoa(struct.pack("=I", int(address, 16))) if name == "tcp" else ""
                found.add((shown, int(port, 16)))
    return found


def _table(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()[1:]
    except FileNotFoundError:  # without IPv6 there is no tcp6
        return []
