"""Whose a port of this host is: asked before anything secret is said there.

Whoever is first takes a port, also one that a server of ours is about to open. So the socket that listens must be held
by a process with the service's mark and of the service's own user: a mark alone can be put into any process's
environment, by anybody. listener.sh asks the same in shell.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path


class NotOurs(OSError):
    """Nobody listens there, or somebody else. `taken`: the latter."""

    def __init__(self, message: str, *, taken: bool = True) -> None:
        super().__init__(message)
        self.taken = taken


def require(address: str, port: int, mark: str, pid: str) -> str:
    """What tells the listeners there from later ones. `pid`: the service's main process. Raises NotOurs."""
    inodes = listeners(address, port)
    if not inodes:
        raise NotOurs(f"nobody listens on port {port} yet", taken=False)
    if not set(inodes) <= held(mark, pid):
        raise NotOurs(f"port {port} is open, but not by a process of `{mark}`")
    return " ".join(sorted(inodes))


def listeners(address: str, port: int) -> list[str]:
    """The inodes of the sockets that a connection to it may reach: those of the address itself, or else those of all
    addresses. Of an address that is written in another way, all at this port."""
    exact, every = [], []
    wanted = _numbers(address)
    for line in _lines():
        local, state, inode = line[1], line[3], line[9]
        host, _, number = local.partition(":")
        if state != "0A" or int(number, 16) != port:
            continue
        if not wanted or host in wanted:
            exact.append(inode)
        elif not host.strip("0") or host == _MAPPED + "0" * 8:
            every.append(inode)
    return exact or every


def held(mark: str, pid: str) -> set[str]:
    """The inodes of the sockets of all processes of the service."""
    if not pid.isdecimal():
        return set()
    try:
        user = Path("/proc", pid).stat().st_uid
    except OSError:
        return set()
    # Root's is what has started a container, for the user who this program runs as, too.
    user = user or os.getuid()
    wanted = f"PROVISION_SERVICE={mark}".encode()
    found: set[str] = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if folder.stat().st_uid != user or wanted not in (folder / "environ").read_bytes().split(b"\0"):
                continue
            links = [str(descriptor.readlink()) for descriptor in (folder / "fd").iterdir()]
        except OSError:
            continue  # it has ended meanwhile, or is not to be looked at
        found.update(link[len("socket:[") : -1] for link in links if link.startswith("socket:["))
    return found


_MAPPED = "0000000000000000FFFF0000"


def _lines() -> Iterator[list[str]]:
    for name in ("tcp", "tcp6"):
        try:
            text = Path("/proc/net", name).read_text(encoding="ascii")
        except OSError:
            continue
        yield from (line.split() for line in text.splitlines()[1:])


def _numbers(address: str) -> tuple[str, ...]:
    """As /proc/net/tcp and tcp6 write it: each word of 32 bits in the order of this machine."""
    for family, count in ((socket.AF_INET, 1), (socket.AF_INET6, 4)):
        try:
            packed = socket.inet_pton(family, address)
        except OSError:
            continue
        words = "".join(f"{word:08X}" for word in struct.unpack(f"={count}I", packed))
        return (words, _MAPPED + words) if count == 1 else (words,)
    return ()
