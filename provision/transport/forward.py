"""Ports of this machine's loopback that lead to places which a host can reach, over SSH, for as long as they are
wanted: a connection that breaks is opened anew."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import paramiko

from provision.core.errors import Cancelled, PortClosed, ProvisionError
from provision.core.values import dataclass
from provision.transport.connect import Opener
from provision.transport.target import Target

#: Seconds: between two signs of life, for the other side to open a channel, and between two tries to connect again.
_ALIVE, _ANSWER, _AGAIN = 15, 10.0, 2.0

#: How often it is looked whether the connection is there (seconds), and how much is passed on at once (bytes).
_LOOK, _PIECE = 0.5, 65536

Place = tuple[str, int]


@dataclass(frozen=True)
class Door:
    """`place`: address and port as the host reaches them. `wanted`: the port here, another one if that is taken and
    nobody `insists`."""

    place: Place
    wanted: int
    insists: bool = False


@contextmanager
def forwarded(
    opener: Opener, target: Target, doors: list[Door], cancel: threading.Event, say: Callable[[str], None]
) -> Iterator[list[int]]:
    """The ports here, in the order of `doors`. `say`: what becomes of the connection. Raises Unreachable's subclasses;
    PortClosed, if a port that was insisted on is taken, or the host does not forward."""
    carrier = _Carrier(opener, target, cancel, say)
    with contextlib.ExitStack() as stack:
        stack.callback(carrier.close)
        for door in doors:
            carrier.channel(door.place).close()
        ports = []
        for door in doors:
            server = _listener(target.name, door)
            stack.callback(server.close)
            ports.append(int(server.getsockname()[1]))
            threading.Thread(
                target=_serve, args=(server, carrier, door.place, cancel, say), name="door", daemon=True
            ).start()
        threading.Thread(target=carrier.stay, name="tunnel", daemon=True).start()
        yield ports


class _Carrier:
    """The connection, whichever it is by now."""

    def __init__(self, opener: Opener, target: Target, cancel: threading.Event, say: Callable[[str], None]) -> None:
        self._opener = opener
        self._target = target
        self._cancel = cancel
        self._say = say
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._transport = self._open()

    def channel(self, place: Place) -> paramiko.Channel:
        """Raises PortClosed, OSError, SSHException."""
        with self._lock:
            transport = self._transport
        try:
            return transport.open_channel("direct-tcpip", place, ("127.0.0.1", 0), timeout=_ANSWER)
        except paramiko.ChannelException as error:
            address, port = place
            raise PortClosed(
                self._target.name,
                f"it does not forward to `{address}` port {port}: {error.text}",
                hint="see whether something listens there, and AllowTcpForwarding and PermitOpen in sshd_config",
            ) from error

    def stay(self) -> None:
        """Opens a new connection whenever there is none."""
        while not self._over.is_set() and not self._cancel.wait(_LOOK):
            if self._transport.is_active():
                continue
            self._say("the connection broke: connecting again")
            while not self._over.is_set() and not self._cancel.is_set():
                try:
                    opened = self._open()
                except Cancelled:
                    return
                except ProvisionError as error:
                    self._say(f"{error}; trying again")
                    self._cancel.wait(_AGAIN)
                    continue
                with self._lock:
                    self._transport = opened
                self._say("connected again")
                break

    def close(self) -> None:
        self._over.set()
        self._transport.close()
        self._opener.close()

    def _open(self) -> paramiko.Transport:
        transport = self._opener.open(self._target)
        transport.set_keepalive(_ALIVE)
        return transport


def _listener(host: str, door: Door) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", door.wanted))
    except OSError as error:
        if door.insists:
            raise PortClosed(
                host,
                f"port {door.wanted} of this machine cannot be used: {error.strerror}",
                hint="name another one with `--port`, or leave that out",
            ) from error
        return socket.create_server(("127.0.0.1", 0))


def _serve(
    server: socket.socket, carrier: _Carrier, place: Place, cancel: threading.Event, say: Callable[[str], None]
) -> None:
    while not cancel.is_set():
        try:
            taken, _ = server.accept()
        except OSError:  # it was closed
            return
        threading.Thread(target=_pass_on, args=(taken, carrier, place, say), name="passing", daemon=True).start()


def _pass_on(taken: socket.socket, carrier: _Carrier, place: Place, say: Callable[[str], None]) -> None:
    with taken:
        try:
            channel = carrier.channel(place)
        except (ProvisionError, OSError, EOFError, paramiko.SSHException) as error:
            say(f"a connection was refused: {error}")
            return
        try:
            with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
                _both_ways(taken, channel)
        finally:
            channel.close()


def _both_ways(taken: socket.socket, channel: paramiko.Channel) -> None:
    """Until both sides have said all that they had to say, or one of them is gone."""
    asking = True
    while True:
        waiting: list[paramiko.Channel | socket.socket] = [channel, taken] if asking else [channel]
        readable, _, _ = select.select(waiting, [], [], _ALIVE)
        if taken in readable:
            piece = taken.recv(_PIECE)
            if piece:
                channel.sendall(piece)
            else:
                asking = False
                channel.shutdown_write()
        if channel in readable:
            piece = channel.recv(_PIECE)
            if not piece:
                return
            taken.sendall(piece)
        if channel.closed:
            return
