"""A port of this machine that leads over a connection, whichever that is by now."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from provision.core.errors import PortClosed
from provision.transport import forward
from provision.transport.forward import Door, forwarded


class Channel:
    """What a host would have opened: a socket of ours."""

    def __init__(self, place: tuple[str, int]) -> None:
        self.socket = socket.create_connection(place)
        self.closed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.socket, name)

    def shutdown_write(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.closed = True
        self.socket.close()


class Connection:
    def __init__(self) -> None:
        self.up = True

    def set_keepalive(self, _: int) -> None:
        pass

    def is_active(self) -> bool:
        return self.up

    def open_channel(self, kind: str, place: tuple[str, int], *_: Any, **__: Any) -> Channel:
        assert kind == "direct-tcpip"
        if not self.up:
            raise OSError("gone")
        return Channel(place)

    def close(self) -> None:
        self.up = False


class Opener:
    def __init__(self) -> None:
        self.opened: list[Connection] = []

    def open(self, _: object) -> Connection:
        self.opened.append(Connection())
        return self.opened[-1]

    def close(self) -> None:
        pass


class Target:
    name = "gpu-01"


@pytest.fixture
def echo() -> Iterator[tuple[str, int]]:
    """Answers with what it was told, once all has been said."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                taken, _ = server.accept()
            except OSError:
                return
            with taken:
                told = b""
                while piece := taken.recv(1000):
                    told += piece
                taken.sendall(told[::-1])

    threading.Thread(target=serve, daemon=True).start()
    yield server.getsockname()
    server.close()


@contextmanager
def tunnel(opener: Opener, *doors: Door) -> Iterator[tuple[list[int], list[str]]]:
    said: list[str] = []
    with forwarded(opener, Target(), list(doors), threading.Event(), said.append) as ports:  # type: ignore[arg-type]
        yield ports, said


def ask(port: int, text: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as asking:
        asking.sendall(text)
        asking.shutdown(socket.SHUT_WR)
        told = b""
        while piece := asking.recv(100_000):
            told += piece
        return told


def test_what_is_said_goes_both_ways_whole(echo: tuple[str, int]) -> None:
    long = bytes(range(256)) * 4000
    with tunnel(Opener(), Door(echo, 0)) as (ports, _):
        assert ask(ports[0], b"abc") == b"cba"
        assert ask(ports[0], long) == long[::-1]


def test_after_a_break_it_goes_over_a_new_connection(echo: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forward, "_LOOK", 0.01)
    opener, again = Opener(), threading.Event()
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        if text == "connected again":
            again.set()

    with forwarded(opener, Target(), [Door(echo, 0)], threading.Event(), say) as ports:  # type: ignore[arg-type]
        opener.opened[0].up = False
        assert again.wait(20)
        assert ask(ports[0], b"abc") == b"cba"
    assert said == ["the connection broke: connecting again", "connected again"] and not opener.opened[-1].up


def test_a_port_that_is_taken_is_another_one_unless_it_was_insisted_on(echo: tuple[str, int]) -> None:
    taken = echo[1]
    with tunnel(Opener(), Door(echo, taken)) as (ports, _):
        assert ports != [taken]
    with (
        pytest.raises(PortClosed, match=f"port {taken} of this machine cannot be used"),
        tunnel(Opener(), Door(echo, taken, insists=True)),
    ):
        pass
