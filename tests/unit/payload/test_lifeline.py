"""Who is held by a connection: servers that speak HTTP/2 as gRPC's do, and those that only listen."""

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provision.payload import lifeline
from provision.payload.bundle import bundle, shell

SETTINGS = b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64"
PING = b"\0\0\x08\x06\0\0\0\0\0" + b"12345678"
PONG = b"\0\0\x08\x06\x01\0\0\0\0" + b"12345678"
GOODBYE = b"\0\0\x08\x07\0\0\0\0\0" + b"\0" * 8

Serve = Callable[[Callable[[socket.socket], None]], int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server that does this with its first connection, and closes it; its port."""
    listeners: list[socket.socket] = []

    def start(does: Callable[[socket.socket], None]) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def run() -> None:
            connection, _ = listener.accept()
            with connection:
                does(connection)

        threading.Thread(target=run, daemon=True).start()
        return int(listener.getsockname()[1])

    yield start
    for listener in listeners:
        listener.close()


def greet(connection: socket.socket) -> None:
    received = b""
    while len(received) < len(lifeline.HELLO):
        received += connection.recv(100)
    assert received == lifeline.HELLO
    connection.sendall(SETTINGS)
    assert connection.recv(9) == b"\0\0\0\x04\x01\0\0\0\0"


def run(program: str, port: int, **more: str) -> "subprocess.Popen[str]":
    environment = {**os.environ, "PLACES": f"127.0.0.1 {port} the raylet of a", **more}
    command = [sys.executable, "-I", "-S", "-c", bundle(f"lifeline:{program}")]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def test_one_that_closes_is_gone_and_its_questions_were_answered_until_then(serve: Serve) -> None:
    asked, done = threading.Event(), threading.Event()

    def does(connection: socket.socket) -> None:
        greet(connection)
        # In two parts, as a network may bring it.
        connection.sendall(PING[:11])
        connection.sendall(PING[11:])
        assert connection.recv(100) == PONG
        asked.set()
        done.wait(60)

    process = run("hold", serve(does))
    assert asked.wait(60)
    assert process.poll() is None
    done.set()
    assert process.communicate(timeout=60)[0] == "the raylet of a is gone: the connection was closed\n"
    assert process.returncode == 0


def test_one_that_says_goodbye_is_gone(serve: Serve) -> None:
    stay = threading.Event()

    def does(connection: socket.socket) -> None:
        greet(connection)
        connection.sendall(GOODBYE)
        stay.wait(60)

    process = run("hold", serve(does))
    assert process.communicate(timeout=60)[0] == "the raylet of a is gone: it says goodbye\n"
    stay.set()


def test_one_that_greets_is_well_and_reached(serve: Serve) -> None:
    assert run("greets", serve(greet)).communicate(timeout=60)[0] == ""
    reaching = run("reach", serve(greet), SECONDS_LEFT="60")
    assert (reaching.communicate(timeout=60)[0], reaching.returncode) == ("", 0)


def test_one_that_only_listens_is_not_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a process does that was stopped: its kernel takes the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setenv("PLACES", f"127.0.0.1 {listener.getsockname()[1]} the raylet")
        with pytest.raises(OSError):
            lifeline.Line("127.0.0.1", listener.getsockname()[1], timeout=0.1)


def test_one_that_announces_more_than_any_may_is_not_listened_to(serve: Serve) -> None:
    def does(connection: socket.socket) -> None:
        connection.sendall(b"\xff\xff\xff\x04\0\0\0\0\0" + bytes(1 << 20))

    with pytest.raises(lifeline.Lost, match="not HTTP/2"):
        lifeline.Line("127.0.0.1", serve(does))


def health(port: int, python: str) -> str:
    variables = {"health_places": f"127.0.0.1 {port} the raylet", "health_python": python}
    script = 'as_user() { "$@"; }\n' + shell("ray/health.sh")
    # A second is long enough for a server of this process.
    program = bundle("lifeline:greets").replace(f"GREETS = {lifeline.GREETS}", "GREETS = 1.0")
    environment = {**os.environ, **variables, "health_program": program}
    return subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="without bash, an interpreter asks")
def test_one_that_greets_costs_no_interpreter(serve: Serve) -> None:
    def does(connection: socket.socket) -> None:
        received = b""
        while len(received) < len(lifeline.HELLO):
            received += connection.recv(100)
        asked.append(received)
        connection.sendall(SETTINGS)

    asked: list[bytes] = []
    assert health(serve(does), "false") == "health=ok\n"
    assert asked == [lifeline.HELLO]


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", PING])
def test_what_bash_does_not_hear_is_asked_again(serve: Serve, said: bytes) -> None:
    def does(connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(said)

    port = serve(does)
    assert health(port, sys.executable) == f"health=the raylet does not answer at 127.0.0.1:{port}\n"


def test_without_bash_an_interpreter_asks(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sh", "timeout", "od", "head"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert health(serve(greet), sys.executable) == "health=ok\n"
