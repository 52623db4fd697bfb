"""The listening side of the network proof: all ports of this host, and those who connect. Runs on the hosts."""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
from collections.abc import Callable, Iterable

from provision.payload.network.wire import END, PAYLOAD, PAYLOAD_SIZE, TAG_SIZE, Tags, family, greeting

#: Seconds that one who connects may take to say who it is.
PATIENCE = 6.0


class Guest:
    """One connection. `name`: whose it is, once it has shown its tag; `missing`: bytes of its payload."""

    def __init__(self, sock: socket.socket, now: float) -> None:
        self.socket, self.began = sock, now
        self.heard = b""
        self.name = ""
        self.missing = 0


class Listening:
    """`came(name)`: that host has begun; `left(name)`: it asks no more. `taken`: port → why nobody could listen."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        tags: Tags,
        clock: Callable[[], float],
        came: Callable[[str], None],
        left: Callable[[str], None],
    ) -> None:
        self._selector, self._tags, self._clock = selector, tags, clock
        self._came, self._left = came, left
        self._guests: set[Guest] = set()
        self._greeting = b""
        self.taken: dict[int, str] = {}

    def listen(self, me: str, address: str, ports: Iterable[int]) -> None:
        for port in ports:
            sock = socket.socket(family(address), socket.SOCK_STREAM)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setblocking(False)
            try:
                sock.bind((address, port))
                sock.listen(4096)  # or what net.core.somaxconn allows: all may come at once
            except OSError as error:
                self.taken[port] = errno.errorcode.get(error.errno or 0, str(error))
                sock.close()
                continue
            self._selector.register(sock, selectors.EVENT_READ, lambda _, sock=sock: self._welcome(sock))
        self._greeting = greeting(self._tags.listens[me], self.taken)

    def look(self) -> None:
        for guest in [g for g in self._guests if not g.name and self._clock() - g.began > PATIENCE]:
            self._leave(guest)

    def _welcome(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = listener.accept()
                sock.setblocking(False)
                guest = Guest(sock, self._clock())
                self._guests.add(guest)
                self._selector.register(sock, selectors.EVENT_READ, lambda _, guest=guest: self._hear(guest))
                self._say(guest, self._greeting)

    def _hear(self, guest: Guest) -> None:
        try:
            data = guest.socket.recv(1 << 16 if guest.missing else TAG_SIZE + 1 - len(guest.heard))
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._leave(guest)
        elif guest.missing:
            guest.missing -= len(data)
            if guest.missing <= 0:
                self._left(guest.name)
                self._say(guest, b".")
                self._leave(guest)
        else:
            guest.heard += data
            if len(guest.heard) > TAG_SIZE:
                self._understand(guest)

    def _understand(self, guest: Guest) -> None:
        guest.name, what = self._tags.who_connects(guest.heard), guest.heard[TAG_SIZE:]
        if guest.name:
            self._came(guest.name)
        if guest.name and what == PAYLOAD:
            guest.missing = PAYLOAD_SIZE
            return
        if guest.name and what == END:
            self._left(guest.name)
        self._leave(guest)

    def _say(self, guest: Guest, data: bytes) -> None:
        try:
            guest.socket.send(data)
        except OSError:
            self._leave(guest)

    def _leave(self, guest: Guest) -> None:
        if guest in self._guests:
            self._guests.remove(guest)
            self._selector.unregister(guest.socket)
            guest.socket.close()
