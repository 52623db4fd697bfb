"""A benchmark that is ended by a signal takes down what it started, and what it cannot take down ends without it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from collections.abc import Iterator
from pathlib import Path

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

#: From <sys/prctl.h>.
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


@contextlib.contextmanager
def signals_unwind() -> Iterator[None]:
    """Within, the first signal raises SystemExit, so that every `finally` is gone through. A second one ends the
    program at once. One that is ignored, as SIGHUP is under nohup, stays ignored."""

    def unwind(number: int, _: object) -> None:
        for each in before:
            signal.signal(each, signal.SIG_DFL)
        raise SystemExit(128 + number)

    before = {number: signal.getsignal(number) for number in _ENDING}
    before = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, unwind)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ends_with(parent: int) -> None:
    """To be called in a child of `parent`: it gets SIGTERM once that process has ended, however it did."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def birth(pid: int) -> str:
    """Clock ticks from the machine's start to that of a process: with its number, it says which process is meant."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
