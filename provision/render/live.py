"""The view for a terminal: what each host is doing now, below the lines of what is done."""

from __future__ import annotations

import os
from collections.abc import Mapping

from rich.cells import cell_len
from rich.console import ConsoleDimensions
from rich.live import Live
from rich.text import Text

from provision.core.events import Event
from provision.render.board import Board
from provision.render.console import console
from provision.render.fanout import View
from provision.render.lines import EventLines
from provision.render.out import Out, safe
from provision.render.text import COLOUR, PLAIN, Paint

#: Written when the process must go at once: a Live that is not stopped leaves the cursor hidden.
SHOW_CURSOR = "\x1b[?25h"

_MOST_ROWS = 30


class LiveView(View):
    """Redrawn by `tick` alone, so that a flood of output costs one redraw and not one per line.

    `out` must be a terminal.
    """

    def __init__(self, out: Out, paint: Paint = PLAIN, *, verbose: bool = False) -> None:
        self._out = out
        self._paint = paint
        self._board = Board()
        self._lines = EventLines(paint, verbose=verbose)
        self._pending: list[str] = []
        self._now = 0.0
        #: Of the terminal when it was last drawn to, and how long the rows were.
        self._size, self._drawn = ConsoleDimensions(0, 0), tuple[int, ...]()
        self._breaks = breaks_lines(os.environ)
        self._console = console(out, paint)
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            get_renderable=self._draw,
        )

    def handle(self, event: Event, at: float) -> None:
        self._board.handle(event, at)
        self._pending += self._lines.lines(event)

    def tick(self, now: float) -> None:
        self._now = now
        try:
            if not self._live.is_started:
                self._size, self._drawn = self._console.size, ()
                self._live.start()
            elif self._size != self._console.size:
                self._resized()
            self._flush()
            self._live.refresh()
        except OSError:
            # The terminal is gone. Out says what is to be done about it; the run goes on.
            self._out.line()

    def pause(self) -> None:
        # The next tick begins anew.
        self.close()

    def close(self) -> None:
        try:
            self._flush()
            self._live.stop()
        except OSError:
            self._out.line()

    def _resized(self) -> None:
        """Takes away all that the rows have become: most terminals, if they are narrower now, have broken them into
        more. Where they do not, each is one still, and what stands above them is to stay."""
        width = max(1, self._console.size.width)
        rows = sum(max(1, -(-length // width)) if self._breaks else 1 for length in self._drawn)
        # Row by row: what is erased at once, some terminals keep above.
        self._console.file.write("\r" + "\x1b[2K\x1b[1A" * (rows - 1) + "\x1b[2K" * (rows > 0))
        # Or rich goes up once more, by as many rows as there were.
        self._live._live_render._shape = None
        self._size, self._drawn = self._console.size, ()

    def _flush(self) -> None:
        lines, self._pending = self._pending, []
        if lines:
            self._console.print(Text.from_ansi("\n".join(safe(line, colour=True) for line in lines)), soft_wrap=True)

    def _draw(self) -> Text:
        width, height = self._console.size
        lines = self._board.lines(self._now, width, min(_MOST_ROWS, height - 1), self._paint)
        self._drawn = tuple(cell_len(COLOUR.sub("", line)) for line in lines)
        return Text.from_ansi("\n".join(safe(line, colour=True) for line in lines), no_wrap=True, overflow="ellipsis")


def breaks_lines(environ: Mapping[str, str]) -> bool:
    """Whether the terminal breaks lines anew when it is resized, as tmux and most do; xterm, rxvt, GNU screen and the
    console cut them off. Within tmux it is tmux that counts."""
    if environ.get("TMUX"):
        return True
    if environ.get("XTERM_VERSION") or environ.get("STY"):
        return False
    return not environ.get("TERM", "").startswith(("rxvt", "linux"))
