"""Where a command's words go, and in which form: live, plain or JSON; standard output or standard error."""

from __future__ import annotations

import os
import sys

from provision.core.errors import ProvisionError
from provision.render.errors import error_lines
from provision.render.fanout import View
from provision.render.out import Out
from provision.render.text import Paint, wants_colour

#: Characters in a line where there is no terminal to ask; on a wider terminal than this, lines are hard to follow.
_WIDTH, _WIDEST = 80, 140


class Screen:
    """With `as_json` standard output holds JSON alone. `quiet`: nothing but errors. `aside`: standard output is for
    something else, and all is said on standard error."""

    def __init__(
        self,
        *,
        as_json: bool = False,
        verbose: bool = False,
        quiet: bool = False,
        no_color: bool = False,
        aside: bool = False,
    ) -> None:
        self.as_json = as_json
        self.verbose = verbose
        self.quiet = quiet
        self.out = Out(sys.stderr if aside else sys.stdout)
        self.err = Out(sys.stderr)
        self.paint = Paint(wants_colour(os.environ, tty=self.out.tty, no_color=no_color))
        self.err_paint = Paint(wants_colour(os.environ, tty=self.err.tty, no_color=no_color))
        dumb = os.environ.get("TERM") == "dumb"
        self.live = self.out.tty and not (as_json or quiet or dumb)

    @property
    def width(self) -> int:
        if not self.out.tty:
            return _WIDTH
        from shutil import get_terminal_size

        return min(get_terminal_size((_WIDTH, 24)).columns, _WIDEST)

    def views(self) -> list[View]:
        if self.as_json:
            from provision.render.jsonl import JsonView

            return [JsonView(self.out)]
        if self.quiet:
            return []
        if self.live:
            from provision.render.live import LiveView

            return [LiveView(self.out, self.paint, verbose=self.verbose)]
        from provision.render.plain import PlainView

        return [PlainView(self.out, self.paint, verbose=self.verbose)]

    def say(self, *lines: str) -> None:
        """For people: silent with `quiet`, on standard error with `as_json`."""
        if not self.quiet:
            (self.err if self.as_json else self.out).lines(list(lines))

    def complain(self, lines: list[str]) -> None:
        self.err.lines(lines)

    def error(self, error: ProvisionError) -> None:
        self.complain(error_lines(error, self.err_paint))

    def json(self, line: str) -> None:
        if self.as_json:
            self.out.line(line)
