"""What the two sides of a connection of the network proof say to each other. Runs on the hosts (host.py).

    who listens    its tag, and which of its ports it could not listen on, because they are taken
    who connects   its tag, then `.` (that is all), `P` and the payload, or `E`; after a payload or `E` it asks no more
    who listens    `.`, once it has the whole payload

A tag is made with the key of the proof, so that neither side takes a stranger for a host of the cluster. Of what a
stranger says no more is read than a tag is long, and nothing of it is looked into.
"""

from __future__ import annotations

import hashlib
import hmac
import resource
import socket
import struct
from collections.abc import Iterable

ALL, PAYLOAD, END = b".", b"P", b"E"
#: Bytes. The payload: some thirty packets in a network with jumbo frames.
TAG_SIZE = 16
PAYLOAD_SIZE = 256 * 1024


class Tags:
    """Of all hosts, for one proof."""

    def __init__(self, key: str, names: Iterable[str]) -> None:
        def tag(role: str, name: str) -> bytes:
            return hmac.new(key.encode(), f"{role} {name}".encode(), hashlib.sha256).digest()[:TAG_SIZE]

        self.listens = {name: tag("listens", name) for name in names}
        self.connects = {name: tag("connects", name) for name in self.listens}
        self._who_listens = {own: name for name, own in self.listens.items()}
        self._who_connects = {own: name for name, own in self.connects.items()}

    def who_listens(self, heard: bytes) -> str:
        """Empty for a stranger."""
        return self._who_listens.get(heard[:TAG_SIZE], "")

    def who_connects(self, heard: bytes) -> str:
        return self._who_connects.get(heard[:TAG_SIZE], "")


def greeting(tag: bytes, taken: Iterable[int]) -> bytes:
    ports = sorted(taken)
    return tag + struct.pack(f"!H{len(ports)}H", len(ports), *ports)


def taken_ports(heard: bytes) -> set[int] | None:
    """What a greeting names; None while it is not all there."""
    start = TAG_SIZE + 2
    if len(heard) < start:
        return None
    (count,) = struct.unpack("!H", heard[TAG_SIZE:start])
    if len(heard) < start + 2 * count:
        return None
    return set(struct.unpack(f"!{count}H", heard[start : start + 2 * count]))


def tcp_info(sock: socket.socket) -> dict[str, int]:
    """From the kernel's struct tcp_info (include/uapi/linux/tcp.h). `again`: packets that were sent again; `acked`:
    bytes, since Linux 4.1."""
    try:
        raw = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)
    except OSError:
        return {}
    if len(raw) < 128:
        return {}
    words = struct.unpack_from("=24I", raw, 8)
    acked = struct.unpack_from("=Q", raw, 120)[0]
    return {"mss": words[2], "mtu": words[13], "rtt_us": words[15], "again": words[23], "acked": acked}


def files_at_once() -> int:
    """How many files this process may open, once it has asked for more: two for each connection to itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 16384 if hard == resource.RLIM_INFINITY else min(hard, 16384)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return soft if soft != resource.RLIM_INFINITY else wanted


def family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET
