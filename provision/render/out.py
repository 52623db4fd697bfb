"""A stream to write lines to, which may go away: `provision up … | head` must not end a run half-way."""

from __future__ import annotations

import errno
import os
from typing import TextIO

#: A closed pipe, and a terminal that was closed.
_GONE = {errno.EPIPE, errno.EIO}


class Out:
    """Writes whole lines to a text stream, flushed. After its reader has gone, lines are dropped quietly.

    Raises OSError for anything else, such as a full disk.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.gone = False

    @property
    def tty(self) -> bool:
        return not self.stream.closed and self.stream.isatty()

    def line(self, text: str = "") -> None:
        self.lines([text])

    def lines(self, texts: list[str]) -> None:
        if self.gone or not texts:
            return
        try:
            self.stream.write("".join(f"{text}\n" for text in texts))
            self.stream.flush()
        except OSError as error:
            if error.errno not in _GONE:
                raise
            self.gone = True
            _to_null(self.stream)


def _to_null(stream: TextIO) -> None:
    """What is still buffered goes nowhere, so that the interpreter's last flush does not complain."""
    try:
        number = stream.fileno()
    except (OSError, ValueError):
        return
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, number)
    os.close(null)
