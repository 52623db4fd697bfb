"""A stream to write lines to, which may go away: `provision up … | head` must not end a run half-way."""

from __future__ import annotations

import errno
import os
import re
from typing import TextIO

from provision.core.visible import shown
from provision.render.text import COLOUR
from provision.render.unsaid import unsaid

#: A closed pipe, and a terminal that was closed.
_GONE = {errno.EPIPE, errno.EIO}


class Out:
    """Writes whole lines to a text stream, flushed. After its reader has gone, lines are dropped quietly.

    Nothing passes that could steer a terminal or show a password of a URL, whoever forgot about it: on a terminal the
    colours that we use ourselves, elsewhere no control characters at all.

    Raises OSError for anything else, such as a full disk.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._gone = False

    @property
    def gone(self) -> bool:
        """Whether nobody reads any more. The stream may take what it is given all the same, and only say so."""
        below = getattr(getattr(self.stream, "buffer", None), "raw", None)
        return self._gone or getattr(below, "reader_gone", False)

    @property
    def tty(self) -> bool:
        return not self.stream.closed and self.stream.isatty()

    def line(self, text: str = "") -> None:
        self.lines([text])

    def lines(self, texts: list[str]) -> None:
        if self.gone or not texts:
            return
        try:
            self.stream.write("".join(f"{safe(text, colour=self.tty)}\n" for text in unsaid(texts)))
            self.stream.flush()
        except OSError as error:
            if error.errno not in _GONE:
                raise
            self._gone = True
            _to_null(self.stream)


def safe(text: str, *, colour: bool = False) -> str:
    """`text` as it may be written. `colour`: with the colours of ours that are in it."""
    if not colour:
        return shown(text, keep="\n\t")
    return "".join(
        part if COLOUR.fullmatch(part) else shown(part, keep="\n\t") for part in re.split(f"({COLOUR.pattern})", text)
    )


def _to_null(stream: TextIO) -> None:
    """What is still buffered goes nowhere, so that the interpreter's last flush does not complain."""
    try:
        number = stream.fileno()
    except (OSError, ValueError):
        return
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, number)
    os.close(null)
