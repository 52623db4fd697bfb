"""What the kernel says of the ranks, who cannot speak while they wait."""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path


def with_children(pid: int) -> list[int]:
    return [pid, *map(int, text_of(f"/proc/{pid}/task/{pid}/children").split())]


def states(pids: Sequence[int]) -> str:
    """The letters that are neither S nor R: T is stopped, D waits in the kernel."""
    fields = [text_of(f"/proc/{pid}/stat").rpartition(")")[2].split() for pid in pids]
    return "".join(sorted({field[0] for field in fields if field} - {*"SRI"}))


def unanswered(pids: Sequence[int], address: Mapping[str, str]) -> list[str]:
    """Hosts of `address` to which they try to connect, or have sent what is not acknowledged: /proc/net/tcp, fields as
    in the kernel's Documentation/networking/proc_net_tcp.rst."""
    inodes: set[str] = set()
    for pid in pids:
        try:
            links = [str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir()]
        except OSError:
            continue
        inodes |= {link[8:-1] for link in links if link.startswith("socket:[")}
    found = set()
    for line in (text_of("/proc/net/tcp") + text_of("/proc/net/tcp6")).splitlines():
        cells = line.split()
        if len(cells) > 9 and cells[9] in inodes and (cells[3] == "02" or int(cells[6], 16) > 2):
            found |= {name for name, ip in address.items() if ip == plain(cells[2].partition(":")[0])}
    return sorted(found)


def plain(text: str) -> str:
    """`0100007F`, four bytes in the order of the machine, as 127.0.0.1; the same of IPv6, four times four."""
    data = b"".join(struct.pack("=I", int(text[at : at + 8], 16)) for at in range(0, len(text), 8))
    return socket.inet_ntop(socket.AF_INET6 if len(data) > 4 else socket.AF_INET, data).removeprefix("::ffff:")


def text_of(path: str) -> str:
    try:
        return Path(path).read_text()
    except (OSError, ValueError):
        return ""
