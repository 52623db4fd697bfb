"""The side of a relay that passes blocks on: to hosts of this run alone, and what was checked alone."""

from __future__ import annotations

import contextlib
import errno
import socket
import ssl
import threading
from collections.abc import Sequence

from provision.payload.relay.parts import Changed, Parts
from provision.payload.relay.saying import end
from provision.payload.relay.wire import ALIVE, GONE, LENGTH, REQUEST

#: Connections at once: a stranger who opens more keeps out others for the seconds of one handshake.
_ROOM = 64


class Serving:
    """Listens at `address`, on the first of `ports` that is free. Raises OSError if none is."""

    def __init__(self, context: ssl.SSLContext, parts: Parts, address: str, ports: Sequence[int]) -> None:
        self._context, self._parts = context, parts
        self._room = threading.BoundedSemaphore(_ROOM)
        self._socket = _listening(address, ports)
        self.port = int(self._socket.getsockname()[1])

    def start(self) -> None:
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            self._room.acquire()
            try:
                sock, _ = self._socket.accept()
                sock.settimeout(GONE)
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()
            except (OSError, RuntimeError):  # one that has gone by then, or no room for a thread
                self._room.release()

    def _serve(self, sock: socket.socket) -> None:
        try:
            # One that is no host of this run, or goes away, is sent nothing.
            with contextlib.suppress(OSError, EOFError, ValueError), contextlib.closing(sock):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self._context.wrap_socket(sock, server_side=True) as guest:
                    while True:
                        self._answer(guest, *REQUEST.unpack(exactly(guest, REQUEST.size)))
        except Changed as changed:
            end(str(changed))
        finally:
            self._room.release()

    def _answer(self, guest: ssl.SSLSocket, file: int, block: int) -> None:
        if file >= len(self._parts.files):
            raise ValueError("there is no such file")
        part = self._parts.files[file]
        while block < part.count:
            if not self._parts.ready(file, block, ALIVE):
                guest.sendall(LENGTH.pack(0))
                continue
            data = part.passed_on(block)
            guest.sendall(LENGTH.pack(len(data)))
            guest.sendall(data)
            block += 1


def exactly(sock: socket.socket, size: int) -> bytes | bytearray:
    """Raises EOFError if the connection ends before."""
    data = bytearray(size)
    # In its place at once: of a TLS connection at most 16 KiB come at a time.
    at, view = 0, memoryview(data)
    while at < size:
        got = sock.recv_into(view[at:])
        if not got:
            raise EOFError("the connection ended")
        at += got
    return data


def _listening(address: str, ports: Sequence[int]) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for port in ports:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((address, port))
            sock.listen(_ROOM)
        except OSError as error:
            sock.close()
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            return sock
    raise OSError(errno.EADDRINUSE, f"ports {', '.join(map(str, ports))} of {address} are all taken")
