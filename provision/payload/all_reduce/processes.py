"""Processes that end with the one that started them, and how they and the others speak."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from provision.payload.all_reduce.asked import MIB


def child(work: Callable[[], object]) -> int:
    """Forks; the child runs `work`, and ends with its parent, however that ends."""
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() == parent:
            work()
    except BaseException as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


class Lines:
    """Lines of JSON on a socket or a pipe. What is no JSON object is not from one of us, and is left out. `name`: whose
    they are, once that is known."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.name = ""
        self.rest = b""
        self.ended = False

    def read(self) -> list[dict[str, Any]]:
        try:
            data = os.read(self.descriptor, 65536)
        except OSError:
            data = b""
        if not data:
            self.ended = True
        *lines, self.rest = (self.rest + data)[-MIB:].split(b"\n")
        found = []
        for line in lines:
            try:
                value = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(value, dict):
                found.append(value)
        return found

    def say(self, **words: Any) -> None:
        try:
            os.write(self.descriptor, json.dumps(words).encode() + b"\n")
        except OSError:
            self.ended = True
