"""A TCP tunnel in front of a server: counts how often a client waited for it, and can be as slow as a far network.

What is counted is how many questions and answers stand on each other, by what was delivered and not by the clock: so it
is the same on a busy machine.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from types import TracebackType


class Turns:
    """Of one connection: `number`, how often the client said something once it had heard something new; the connection
    itself is not counted."""

    def __init__(self) -> None:
        self.number = 0
        self._heard = True
        self._lock = threading.Lock()

    def said(self) -> None:
        with self._lock:
            self.number += self._heard
            self._heard = False

    def heard(self) -> None:
        with self._lock:
            self._heard = True


class Tunnel:
    """A context manager. To `server`, from a port of its own on `address`. `delay`: seconds, each way. `connections`:
    one for each that was made, in that order."""

    def __init__(self, server: tuple[str, int], address: str = "127.0.0.1", delay: float = 0.0) -> None:
        self._server = server
        self._delay = delay
        self._listener = socket.create_server((address, 0), backlog=512)
        self.address, self.port = address, int(self._listener.getsockname()[1])
        self.connections: list[Turns] = []
        self._open: list[socket.socket] = [self._listener]

    @property
    def turns(self) -> int:
        return sum(one.number for one in self.connections)

    def __enter__(self) -> Tunnel:
        _begin(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for sock in self._open:
            _end(sock)
            sock.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                self.connections.append(Turns())
                _begin(self._carry, client, self.connections[-1])

    def _carry(self, client: socket.socket, turns: Turns) -> None:
        time.sleep(2 * self._delay)  # what the connection itself would take
        try:
            server = socket.create_connection(self._server)
        except OSError:
            _end(client)
            return
        self._open.append(server)
        for sock in (client, server):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._pump(client, server, turns.said, _nothing)
        self._pump(server, client, _nothing, turns.heard)

    def _pump(
        self, source: socket.socket, sink: socket.socket, taken: Callable[[], None], given: Callable[[], None]
    ) -> None:
        way: SimpleQueue[tuple[float, bytes]] = SimpleQueue()

        def take() -> None:
            data = b" "
            while data:
                try:
                    data = source.recv(1 << 16)
                except OSError:
                    data = b""
                if data:
                    taken()
                way.put((time.monotonic() + self._delay, data))

        def give() -> None:
            with contextlib.suppress(OSError):
                while True:
                    due, data = way.get()
                    time.sleep(max(0.0, due - time.monotonic()))
                    if not data:
                        break
                    given()
                    sink.sendall(data)
            _end(sink)

        _begin(take)
        _begin(give)


def _begin(work: Callable[..., None], *given: object) -> None:
    threading.Thread(target=work, args=given, daemon=True, name="tunnel").start()


def _end(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _nothing() -> None:
    """Of what is not counted."""
