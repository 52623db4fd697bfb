"""Connections that are held to the servers of Ray (gRPC, so HTTP/2): one that ends tells at once, at next to no cost,
that the server at its other end is not the one it was.

A control store that starts anew has lost what it knew, and a node that does has lost the ranks that ran in it; both
listen on the same port again within seconds, so that looking now and then would not show it. No call is made, and so no
token is shown. PLACES holds `address port name` a line.
"""

from __future__ import annotations

import os
import selectors
import socket
import struct
import sys
import time
from collections.abc import Iterator

#: RFC 9113: how a client begins, with settings that say nothing; and the frames that must be answered.
HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0"
SETTINGS, PING, GOAWAY = 4, 6, 7
ACK = 1

#: Bytes of a frame, as long as nobody has been allowed longer ones (RFC 9113, 4.2).
LONGEST = 1 << 14

#: Seconds in which a server that is there greets.
GREETS = 8.0

#: A host that was switched off says nothing: it is asked after 15 s of silence, every 10 s, ten times. Ray itself gives
#: up a node sooner.
KEEPALIVE = ((socket.TCP_KEEPIDLE, 15), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 10))


class Lost(OSError):
    """The other side has ended the connection."""


class Line:
    """Raises OSError if nobody greets there."""

    def __init__(self, address: str, port: int, *, timeout: float = GREETS) -> None:
        self.socket = socket.create_connection((address, port), timeout)
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in KEEPALIVE:
                self.socket.setsockopt(socket.IPPROTO_TCP, option, value)
            self._received = b""
            self.socket.sendall(HELLO)
            end = time.monotonic() + timeout
            while SETTINGS not in self.answer():
                if time.monotonic() > end:
                    raise socket.timeout("it does not greet")
        except OSError:
            self.socket.close()
            raise

    def answer(self) -> list[int]:
        """Reads what has come, answers what wants an answer; the kinds of the frames. Raises Lost."""
        more = self.socket.recv(65536)
        if not more:
            raise Lost("the connection was closed")
        self._received += more
        kinds = []
        for kind, flags, payload in self._frames():
            kinds.append(kind)
            if kind == GOAWAY:
                raise Lost("it says goodbye")
            if kind in (SETTINGS, PING) and not flags & ACK:
                mine = payload if kind == PING else b""
                self.socket.sendall(struct.pack(">I", len(mine))[1:] + bytes((kind, ACK)) + b"\0\0\0\0" + mine)
        return kinds

    def _frames(self) -> Iterator[tuple[int, int, bytes]]:
        while len(self._received) >= 9:
            (length,) = struct.unpack(">I", b"\0" + self._received[:3])
            if length > LONGEST:
                raise Lost("what it says is not HTTP/2")
            if len(self._received) < 9 + length:
                return
            kind, flags = self._received[3:5]
            payload, self._received = self._received[9 : 9 + length], self._received[9 + length :]
            yield kind, flags, payload


def well(address: str, port: int) -> bool:
    try:
        Line(address, port).socket.close()
    except OSError:
        return False
    return True


def places() -> list[tuple[str, int, str]]:
    found = []
    for line in os.environ["PLACES"].splitlines():
        address, port, name = line.split(" ", 2)
        found.append((address, int(port), name))
    return found


def reach() -> None:
    """Ends once the first of the places greets; after SECONDS_LEFT with 1, and says which."""
    address, port, name = places()[0]
    end = time.monotonic() + float(os.environ["SECONDS_LEFT"])
    while not well(address, port):
        if time.monotonic() > end:
            sys.exit(f"{name} does not answer at {address}:{port}")
        time.sleep(2)


def greets() -> None:
    """Prints the first of the places that does not greet; nothing if all do."""
    for address, port, name in places():
        if not well(address, port):
            _say(f"{name} does not answer at {address}:{port}")
            return


def hold() -> None:
    """Ends when one of the places is not any more what it was when this began, and says which."""
    with selectors.DefaultSelector() as waiting:
        for address, port, name in places():
            try:
                line = Line(address, port)
            except OSError as error:
                _say(f"{name} is not reached at {address}:{port}: {error}")
                return
            waiting.register(line.socket, selectors.EVENT_READ, (line, name))
        while True:
            for key, _ in waiting.select():
                line, name = key.data
                try:
                    line.answer()
                except OSError as error:
                    _say(f"{name} is gone: {error}")
                    return


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
