"""The side of a relay that has blocks from other hosts: from the best one, and from the next where that fails."""

from __future__ import annotations

import contextlib
import queue
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import NamedTuple

from provision.payload.relay.serving import exactly
from provision.payload.relay.wire import GONE, LENGTH, NO_SOURCE, REQUEST, length_of

#: Seconds to connect, and how often each of the others is asked for a block before there is no way to have it.
_CONNECTING, _ROUNDS = 5.0, 2


class RelayPeer(NamedTuple):
    """`name`: as its certificate must have it."""

    name: str
    address: str
    port: int


class NoSource(Exception):
    """None of the others has it, or can be reached."""


class Sent:
    """Blocks as the controller sends them."""

    def __init__(self) -> None:
        self.waiting: queue.Queue[bytes] = queue.Queue(4)

    def block(self, file: int, block: int, size: int) -> bytes | bytearray:
        return self.waiting.get()

    def refuse(self) -> None:
        raise NoSource("the file was changed while it was sent")


class Fetched:
    """Blocks from `peers`, the best first. `lost(peer, why)`: hears of what went wrong with one."""

    def __init__(self, context: ssl.SSLContext, peers: Sequence[RelayPeer], lost: Callable[[str, str], None]) -> None:
        self._context, self._peers, self._lost = context, peers, lost
        self._better: Sequence[RelayPeer] = ()
        self._at = 0
        self._socket: ssl.SSLSocket | None = None
        self._asked = (-1, -1)
        self._failures = 0

    def use(self, peers: Sequence[RelayPeer]) -> None:
        """These from now on, the best first. From any thread."""
        self._better = peers

    def block(self, file: int, block: int, size: int) -> bytes | bytearray:
        """What claims to be it. Raises NoSource."""
        while True:
            if self._better:
                self._close()
                self._peers, self._better, self._at, self._failures = self._better, (), 0, 0
            try:
                sock = self._connected()
                if self._asked != (file, block):
                    if self._asked[0] == file:
                        self._close()  # it would go on with another one
                        continue
                    sock.sendall(REQUEST.pack(file, block))
                length = 0
                while not length and not self._better:
                    (length,) = LENGTH.unpack(exactly(sock, LENGTH.size))
                if not length:
                    continue
                if length != length_of(size, block):
                    raise OSError(f"it sends {length} bytes as a block of {length_of(size, block)}")
                data = exactly(sock, length)
            except (OSError, EOFError) as error:
                self._next(str(error) or type(error).__name__)
                continue
            self._asked = (file, block + 1)
            return data

    def good(self) -> None:
        self._failures = 0

    def refuse(self) -> None:
        """The block was damaged. Raises NoSource."""
        self._next("a damaged block was refused")

    def _connected(self) -> ssl.SSLSocket:
        if self._socket is None:
            peer = self._peers[self._at % len(self._peers)]
            sock = socket.create_connection((peer.address, peer.port), _CONNECTING)
            try:
                sock.settimeout(GONE)
                self._socket = self._context.wrap_socket(sock, server_hostname=peer.name)
            except BaseException:
                sock.close()
                raise
            self._asked = (-1, -1)
        return self._socket

    def _next(self, why: str) -> None:
        peer = self._peers[self._at % len(self._peers)]
        self._close()
        self._lost(peer.name, why)
        self._at += 1
        self._failures += 1
        if self._failures >= _ROUNDS * len(self._peers):
            raise NoSource(f"{NO_SOURCE}; {peer.address} port {peer.port}: {why}")

    def _close(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
        self._socket, self._asked = None, (-1, -1)
