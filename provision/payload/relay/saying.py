"""How a program in a relay hears the controller, and what it says: a line at a time, from any thread."""

from __future__ import annotations

import os
import sys
import threading
from typing import IO

from provision.payload.relay.wire import FAILED, FRAME

_SAYING = threading.Lock()


def frame(given: IO[bytes], kind: bytes) -> bytes:
    """What comes first. Raises ValueError for anything else."""
    head = given.read(FRAME.size)
    found, length = FRAME.unpack(head) if len(head) == FRAME.size else (b"", 0)
    data = given.read(length)
    if found != kind or len(data) < length:
        raise ValueError("the controller has not said what to do")
    return data


def say(*words: object) -> None:
    line = " ".join(" ".join(str(word).split()) for word in words)
    with _SAYING:
        try:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        except OSError:
            os._exit(1)


def end(why: str) -> None:
    """What listens ends with it."""
    say(FAILED, why)
    os._exit(1)
