"""Answers of a server, read to a bound of bytes and of seconds: whoever answers could go on for ever, or send a byte
now and then."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any

#: Bytes: a vector of the largest model is some hundred KiB of JSON, the metrics of a busy server some MiB.
ANSWER, METRICS = 8 << 20, 32 << 20

#: Bytes of an event in a stream of them, and of what is said of an error.
EVENT, ERROR = 1 << 20, 64 << 10


class TooMuch(OSError):
    """More came than is taken."""

    def __init__(self, most: int) -> None:
        size = f"{most >> 20} MiB" if most >> 20 else f"{most >> 10} KiB"
        super().__init__(f"more than {size} came, which is no answer")


def whole(stream: Any, most: int = ANSWER) -> bytes:
    """Raises TooMuch."""
    data: bytes = stream.read(most + 1)
    if len(data) > most:
        raise TooMuch(most)
    return data


def lines(stream: Any, each: int = EVENT, most: int = ANSWER) -> Any:
    """Of a stream that goes on. Raises TooMuch."""
    read = 0
    while line := stream.readline(each + 1):
        read += len(line)
        if len(line) > each:
            raise TooMuch(each)
        if read > most:
            raise TooMuch(most)
        yield line


def end_after(seconds: float, connection: socket.socket) -> None:
    """The other side has so long for all that it says: a timeout of the socket begins anew with each byte."""

    def end() -> None:
        # Of the socket itself: that of TLS would forget its state while another thread reads.
        with contextlib.suppress(OSError):
            socket.socket.shutdown(connection, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
