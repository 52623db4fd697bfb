"""Hosts that go on without end, or answer what nobody asked for: the controller's memory and its time are its own."""

from __future__ import annotations

import os
import socket
import threading
from typing import Any

import pytest

from provision.core.errors import SudoRefused, Unreachable
from provision.core.secret import Secret
from provision.inventory.models import Host
from provision.transport import Transport, sudo


class Pipe:
    """A host that prints one thing again and again."""

    over, status = False, None

    def __init__(self, piece: bytes) -> None:
        self.piece = piece
        self.sent = b""

    def read(self, _: float) -> tuple[bytes, bytes]:
        return self.piece, b""

    def send(self, data: bytes, _: float) -> None:
        self.sent += data


def test_a_login_that_prints_without_end_is_not_waited_for_and_gets_no_password() -> None:
    pipe: Any = Pipe(b"motd " * 1_000_000)
    with pytest.raises(SudoRefused, match="printed more than 32 MiB") as caught:
        sudo.hand_over("gpu-01", pipe, Secret("hunter22"))
    assert pipe.sent == b"" and len("".join(caught.value.evidence)) <= 1000


def test_a_server_that_greets_without_end_is_not_listened_to() -> None:
    """Before its key is known, so that this may be anybody."""
    listener = socket.create_server(("127.0.0.1", 0))
    sent = 0

    def serve() -> None:
        nonlocal sent
        while True:
            try:
                connection, _ = listener.accept()
                while True:
                    sent += connection.send(b"\x1b]0;pwned\x07" * 5000)
            except OSError:
                if listener.fileno() < 0:
                    return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    ssh = {"port": listener.getsockname()[1], "connect_timeout": 5, "config": os.devnull}
    host = Host.model_validate({"name": "h", "address": "127.0.0.1", "ssh": ssh})
    with Transport([host]) as transport, pytest.raises(Unreachable, match="more than 64 KiB came before its version"):
        transport.connect(host)
    listener.close()
    assert sent < 50 << 20
