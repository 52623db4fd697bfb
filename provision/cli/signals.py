"""Ctrl-C, SIGTERM and a closed terminal: the first asks the run to stop, the second ends the process."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from provision.core.exits import SIGNAL

#: Seconds in which signals count as one: `timeout` sends its signal to the process and to its group.
ONE = 0.5

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """`cancel` is set by the first signal; `exit_code` is what the shell expects after it (130, 143, 129)."""

    def __init__(self) -> None:
        self.cancel = threading.Event()
        self.signal: int | None = None
        self.at = 0.0

    @property
    def exit_code(self) -> int | None:
        return None if self.signal is None else SIGNAL + self.signal


@contextlib.contextmanager
def interrupts(state: Interrupts, say: Callable[[str], None], *, cursor: bool) -> Iterator[None]:
    """Handles signals within. `say` must be callable from a signal handler. `cursor`: a live view may have
    hidden it. Only the main thread can handle signals; elsewhere this does nothing."""

    def handle(number: int, _: FrameType | None) -> None:
        if state.signal is not None:
            if time.monotonic() - state.at < ONE:
                return
            if cursor:
                with contextlib.suppress(OSError):
                    os.write(sys.__stdout__.fileno() if sys.__stdout__ else 1, b"\x1b[?25h\n")
            # Not sys.exit: threads may be stuck in a connection, and the leash ends what runs on the hosts.
            os._exit(SIGNAL + number)
        state.signal, state.at = number, time.monotonic()
        state.cancel.set()
        say("stopping: ending remote processes… (again to leave at once)")

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # A signal that is ignored, as SIGHUP is under nohup, stays ignored.
    before: dict[signal.Signals, Any] = {s: signal.getsignal(s) for s in _SIGNALS}
    ours = [s for s in _SIGNALS if before[s] is not signal.SIG_IGN]
    for number in ours:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, before[number])
