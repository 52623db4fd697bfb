"""What `status` shows of each look: once as lines, JSON or a page; while watching, a view that is drawn again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from provision.core.errors import ProvisionError
from provision.core.files import write_whole
from provision.operate.status import ClusterStatus
from provision.render.jsonl import result_line
from provision.render.screen import Screen
from provision.render.sparkline import History
from provision.render.status import status_json, status_lines
from provision.render.status_page import status_page
from provision.render.unsaid import unsaid


class Watching:
    """`page`: a file that holds the last look. `watch`: there is more than one look."""

    def __init__(self, screen: Screen, page: Path | None, *, watch: bool) -> None:
        self._screen = screen
        self._page = page
        self.live = watch and screen.live
        self._history = History()
        self._seen: ClusterStatus | None = None

    def show(self, seen: ClusterStatus) -> int:
        """Returns the exit code. Raises ProvisionError if the page cannot be written."""
        first = self._seen is None
        self._seen = seen
        self._history.add(seen)
        if self._page is not None:
            self._write(self._page, seen)
        self._screen.json(result_line("status", status_json(seen), seen.at))
        if not (self.live or self._screen.as_json):
            self._screen.say(*([] if first else [""]), *self._lines(self._screen.width))
        return seen.exit_code

    @contextmanager
    def view(self) -> Iterator[None]:
        """The live view on a terminal, around all looks; the last look stays where it was begun."""
        if not self.live:
            yield
            return
        from provision.render.status_live import live_status

        try:
            with live_status(self._screen.out, self._screen.paint, self._lines):
                yield
        finally:
            if self._seen is not None:
                self._screen.say(*self._lines(self._screen.width))

    def _lines(self, width: int) -> list[str]:
        if self._seen is None:
            return ["looking …"]
        return status_lines(self._seen, self._screen.paint, width=width, history=self._history.lines())

    def _write(self, path: Path, seen: ClusterStatus) -> None:
        try:
            write_whole(path, "\n".join(unsaid(status_page(seen).split("\n"))))
        except OSError as error:
            raise ProvisionError(f"`{path}` cannot be written: {error.strerror or error}") from error
