"""Standard input, output and error, whatever we were started with: closed, full, a pipe that nobody reads any more.

Words that cannot be written must not end a run half-way, so nothing here raises: what does not get through is dropped,
and said at the end.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import suppress
from typing import TextIO

from provision.core.exits import SIGNAL, Exit

#: The reader has gone, as `| head` does, or the terminal: no reason for a word.
_GONE = {errno.EPIPE, errno.EIO}


class Sink(io.RawIOBase):
    """Writes to the descriptor `number`. `trouble`: why something was dropped that somebody would have read;
    `reader_gone`: nobody reads any more."""

    def __init__(self, number: int, *, closed: bool) -> None:
        super().__init__()
        self._number = number
        self._dropping = closed
        self.was_closed = closed
        self.trouble = ""
        self.reader_gone = False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return not self.was_closed and os.isatty(self._number)

    def write(self, data: object) -> int:
        view = memoryview(data)  # type: ignore[arg-type]
        if self.was_closed:
            self.trouble = "closed"
        done = 0
        while done < view.nbytes and not self._dropping:
            try:
                done += os.write(self._number, view[done:])
            except BlockingIOError:
                _await_room(self._number)
            except OSError as error:
                self._dropping = True
                self.reader_gone = error.errno in _GONE
                if not self.reader_gone:
                    self.trouble = (error.strerror or str(error)).lower()
        return view.nbytes


class Streams:
    """Puts streams that cannot fail in the place of Python's."""

    def __init__(self) -> None:
        missing = {number for number in range(3) if _is_closed(number)}
        for number in sorted(missing):
            # Or the next file that is opened would be standard output: a log, a connection.
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            os.set_inheritable(number, True)
        if sys.stdin is None or 0 in missing:
            sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115, PTH123 - stays open to the end
        self.out = Sink(1, closed=1 in missing)
        self._err = Sink(2, closed=2 in missing)
        sys.stdout = _text(self.out, sys.stdout)
        sys.stderr = _text(self._err, sys.stderr)

    def end(self, code: int) -> int:
        """The exit code, once it has been said what was lost; 1 if something was. Raises nothing."""
        with suppress(Exception):
            sys.stdout.flush()
        if self.out.trouble:
            closed = self.out.was_closed
            said = "is closed" if closed else f"cannot be written: {self.out.trouble}"
            with suppress(Exception):
                sys.stderr.write(f"error: standard output {said}\n")
            # What a signal has ended says so (130, 143, 129).
            code = code if code > SIGNAL else Exit.FAILED
        with suppress(Exception):
            sys.stderr.flush()
        return code


def output_is_closed() -> bool:
    """Whether standard output was closed when this began."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return isinstance(raw, Sink) and raw.was_closed


def last_words(error: BaseException) -> None:
    """What went wrong, by the simplest means there are; raises nothing."""
    try:
        from provision.render.unsaid import unsaid

        (said,) = unsaid([str(error)])
    except Exception:
        said = "(and it cannot say more)"
    with suppress(Exception):
        os.write(2, f"bug: {type(error).__name__}: {said}\n".encode("utf-8", "backslashreplace"))


def _is_closed(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return True
    return False


def _text(sink: Sink, before: TextIO | None) -> TextIO:
    """A terminal or a file that cannot show `→` gets a `?` instead of a crash."""
    encoding = getattr(before, "encoding", None)
    return io.TextIOWrapper(io.BufferedWriter(sink), encoding, errors="replace", line_buffering=sink.isatty())


def _await_room(number: int) -> None:
    """A terminal or pipe that another program has made non-blocking says that it is full, instead of waiting."""
    import select

    select.select([], [number], [])
