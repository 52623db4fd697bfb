"""The question before a model stops answering or data is removed: on a terminal alone, and without `--yes`."""

from __future__ import annotations

import os
import select
import sys
import termios
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress

from provision.core.errors import Cancelled, Declined
from provision.core.plan import Plan
from provision.render.out import Out
from provision.render.plan import question_lines

#: Seconds between two looks at whether Ctrl-C was pressed.
_LOOK = 0.2


def on_a_terminal() -> bool:
    """Whether there is somebody to ask, who sees the question."""
    return bool(sys.stdin and sys.stdin.isatty() and sys.stderr and sys.stderr.isatty())


def unread() -> None:
    """Drops what was typed before the question stood: it is no answer to it."""
    if sys.stdin.isatty():
        termios.tcflush(sys.stdin, termios.TCIFLUSH)


def asker(held: Callable[[], AbstractContextManager[None]], cancel: threading.Event) -> Callable[[Plan], None]:
    """`held`: a time in which nothing else writes to the terminal. What is returned raises Declined, Cancelled."""

    def ask(plan: Plan) -> None:
        lines = question_lines(plan)
        if not lines:
            return
        with held():
            Out(sys.stderr).lines(lines)
            yes = agrees("go on? [y/N] ", cancel)
        if not yes:
            raise Declined("declined: nothing was changed on any host", hint="`--yes` goes on without the question")

    return ask


def agrees(question: str, cancel: threading.Event) -> bool:
    """Whether `y` or `yes` is typed, once the question stands. Raises Cancelled."""
    unread()
    sys.stderr.write(question)
    sys.stderr.flush()
    return _line(cancel).strip().lower() in ("y", "yes")


def _line(cancel: threading.Event) -> str:
    """What is typed. Ctrl-C is a signal that others handle; the end of the input (Ctrl-D) is no answer, whatever stands
    in front of it, and neither is a terminal that is gone."""
    typed = b""
    while not cancel.is_set():
        if not select.select([sys.stdin], [], [], _LOOK)[0]:
            continue
        try:
            more = os.read(sys.stdin.fileno(), 4096)
        except OSError:
            return ""
        typed += more
        if typed.endswith(b"\n"):
            return typed.decode("utf-8", "replace")
        if not more:
            with suppress(OSError):
                sys.stderr.write("\n")
            return ""
    with suppress(OSError):
        sys.stderr.write("\n")
    raise Cancelled("cancelled at the question: nothing was changed on any host")
