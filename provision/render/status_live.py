"""The live view of a cluster: the last look, drawn anew a few times a second, so that it fits whatever size the
terminal has by then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.live import Live
from rich.text import Text

from provision.render.console import console
from provision.render.out import Out, safe
from provision.render.text import Paint
from provision.render.unsaid import unsaid

#: Seconds between two redraws.
_REDRAWN = 0.25


@contextmanager
def live_status(out: Out, paint: Paint, lines: Callable[[int], Sequence[str]]) -> Iterator[None]:
    """On the terminal's other screen, which is left as it was. `lines`: what to show, by the width."""
    terminal = console(out, paint)

    def draw() -> Text:
        width, height = terminal.size
        shown = fitted(lines(width), height, time.strftime("%H:%M:%S"))
        return Text.from_ansi("\n".join(safe(line, colour=True) for line in unsaid(shown)), overflow="fold")

    live = Live(console=terminal, auto_refresh=False, screen=True, get_renderable=draw)
    over = threading.Event()

    def refresh() -> None:
        while not over.wait(_REDRAWN):
            try:
                live.refresh()
            except OSError:  # the terminal is gone
                return

    drawing = threading.Thread(target=refresh, name="view", daemon=True)
    with live:
        drawing.start()
        try:
            yield
        finally:
            over.set()
            drawing.join()


def fitted(lines: Sequence[str], height: int, now: str) -> list[str]:
    """As many of `lines` as a terminal has room for, and the time below them."""
    room = max(1, height - 2)
    shown = list(lines) if len(lines) <= room else [*lines[: room - 1], f"… {len(lines) - room + 1} more lines"]
    return [*shown, f"at {now}; Ctrl-C ends this"][: max(1, height - 1)]
