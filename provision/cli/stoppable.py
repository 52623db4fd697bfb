"""Ctrl-C for what looks, runs or forwards without a log file: it ends what is going on, and what was begun on hosts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from provision.cli.exit_code import StoppedBySignal
from provision.cli.signals import Interrupts, interrupts
from provision.core.errors import Cancelled


@contextmanager
def stoppable(*, said: bool = True, cursor: bool = False) -> Iterator[Interrupts]:
    """`said`: the person who pressed it is told that hosts are still at work. What was cancelled by a signal ends the
    command with the signal's exit code."""

    def say(text: str) -> None:
        if said:
            with suppress(OSError):
                os.write(2, f"{text}\n".encode())

    state = Interrupts()
    with interrupts(state, say, cursor=cursor):
        try:
            yield state
        except Cancelled:
            if state.exit_code is None:
                raise
            raise StoppedBySignal(state.exit_code) from None
