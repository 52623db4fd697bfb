"""What a host says in a relay."""

from __future__ import annotations

import time
from collections.abc import Callable

from provision.payload.relay.wire import AT, BLOCK, FAILED, HAS, LISTENS, LOST, WHOLE, blocks
from provision.transport.pipe import Pipe

#: Bytes of what is neither a line of ours nor one at all, and of what it says when it ends.
_LONGEST = 64 << 10

#: Seconds for which one that takes nothing more is heard.
_WORDS = 2.0


class OutOfRelay(Exception):
    """A host takes no further part."""


class RelayHeard:
    """Of one host. `port`: where it listens, 0: not yet; `done`: bytes that are there and checked; `whole`: all are."""

    def __init__(self, pipe: Pipe, named: Callable[[str], str], on_bytes: Callable[[int], None]) -> None:
        self.pipe = pipe
        self.port = self.done = 0
        self.whole = False
        self._named, self._on_bytes = named, on_bytes
        self._has: dict[int, int] = {}
        self._rest = self._errors = b""
        self._lost: list[tuple[str, str]] = []
        self._moved = time.monotonic()

    def has(self, file: int) -> int:
        """How many blocks of it were there before."""
        return self._has.get(file, 0)

    @property
    def still(self) -> float:
        """Seconds since there was anything new."""
        return time.monotonic() - self._moved

    def wait(self, seconds: float) -> None:
        self._take(*self.pipe.read(seconds))

    def look(self, seconds: float) -> list[tuple[str, str]]:
        """The hosts that it has given up since, and why. Raises OutOfRelay."""
        self.wait(seconds)
        while self.pipe.channel.recv_ready():
            self.wait(0)
        if self.pipe.over:
            said = self._errors.decode("utf-8", "replace").strip().splitlines()
            raise OutOfRelay(said[-1] if said else "it ended without a word")
        lost, self._lost = self._lost, []
        return lost

    def last_words(self) -> None:
        """Raises OutOfRelay, if it says in a moment why it has ended."""
        end = time.monotonic() + _WORDS
        while time.monotonic() < end:
            self.look(0.1)

    def _take(self, out: bytes, err: bytes) -> None:
        self._errors = (self._errors + err)[-_LONGEST:]
        *lines, rest = (self._rest + out).split(b"\n")
        self._rest = rest[-_LONGEST:]
        for line in lines:
            word, _, about = line.decode("utf-8", "replace").strip().partition(" ")
            self._line(word, about)

    def _line(self, word: str, about: str) -> None:
        if word == FAILED:
            raise OutOfRelay(about[:300])
        if word == WHOLE:
            self.whole = True
        elif word == LOST:
            name, _, why = about.partition(" ")
            self._lost = [*self._lost[-20:], (self._named(name), why[:300])]
        numbers = [int(cell) for cell in about.split(" ") if cell.isascii() and cell.isdecimal() and len(cell) < 19]
        if word == LISTENS and len(numbers) == 1:
            self.port = numbers[0] if numbers[0] < 65536 else 0
        elif word == AT and len(numbers) == 1 and numbers[0] > self.done:
            self.done, self._moved = numbers[0], time.monotonic()
            self._on_bytes(self.done)
        elif word == HAS and len(numbers) == 2:
            self._has[numbers[0]] = blocks(numbers[1]) if numbers[1] < BLOCK << 32 else 0
