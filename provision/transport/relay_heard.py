"""What a host says in a relay."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from provision.payload.relay.wire import AT, FAILED, HAS, LISTENS, LOST, WHOLE, blocks
from provision.transport.pipe import Pipe

#: Bytes of what is neither a line of ours nor one at all, and of what it says when it ends.
_LONGEST = 64 << 10

#: Bytes that a host says in all, and hosts that it gives up: what it has to say is far less. Of megabytes that the
#: files of a login shell print, see sudo.py.
_MOST, _MOST_LOST = 64 << 20, 100

#: Bytes that are progress: one who has a few more now and then is not to keep all others waiting.
LEAST = 16 << 20

#: Characters of a name in a certificate of ours.
_NAME = 20

#: Reads without a look at anything else.
_AT_ONCE = 64

#: Seconds for which one that takes nothing more is heard.
_WORDS = 2.0


#: Why one takes no part that has nobody to take part with.
ALONE = "no other host takes part"


class OutOfRelay(Exception):
    """A host takes no further part."""


class RelayHeard:
    """Of one host, for which files of `sizes` are. `on_lost`: told of another host, by the name in its certificate,
    that this one has given up, and why. `port`: where it listens, 0: not yet; `done`: bytes that are there and checked;
    `whole`: all are."""

    def __init__(
        self, pipe: Pipe, sizes: Sequence[int], on_bytes: Callable[[int], None], on_lost: Callable[[str, str], None]
    ) -> None:
        self.pipe = pipe
        self.port = self.done = 0
        self.whole = False
        self._sizes, self._total, self._on_bytes, self._on_lost = sizes, sum(sizes), on_bytes, on_lost
        self._said = self._gone = self._mark = 0
        self._has: dict[int, int] = {}
        self._rest = self._errors = b""
        self._moved = time.monotonic()

    def has(self, file: int) -> int:
        """How many blocks of it were there before."""
        return self._has.get(file, 0)

    @property
    def ready(self) -> bool:
        """It has said all that the others wait for."""
        return bool(self.port)

    @property
    def still(self) -> float:
        """Seconds since it had `LEAST` bytes fewer, or was told of something that it did not have."""
        return time.monotonic() - self._moved

    def caught_up(self) -> None:
        """It has all that there is to be had."""
        self._mark, self._moved = self.done, time.monotonic()

    def wait(self, seconds: float) -> None:
        self._take(*self.pipe.read(seconds))

    def look(self, seconds: float) -> None:
        """Raises OutOfRelay."""
        self.wait(seconds)
        for _ in range(_AT_ONCE):
            if not self.pipe.channel.recv_ready():
                break
            self.wait(0)
        if self.pipe.over:
            said = self._errors.decode("utf-8", "replace").strip().splitlines()
            raise OutOfRelay(said[-1][:300] if said else "it ended without a word")

    def last_words(self) -> None:
        """Raises OutOfRelay, if it says in a moment why it has ended."""
        end = time.monotonic() + _WORDS
        while time.monotonic() < end:
            self.look(0.1)

    def _take(self, out: bytes, err: bytes) -> None:
        self._said += len(out) + len(err)
        if self._said > _MOST:
            raise OutOfRelay(f"it printed more than {_MOST >> 20} MiB")
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
            self._gone += 1
            if self._gone > _MOST_LOST:
                raise OutOfRelay(f"it has given up other hosts more than {_MOST_LOST} times")
            self._on_lost(name[:_NAME], why[:300])
        numbers = [int(cell) for cell in about.split(" ") if cell.isascii() and cell.isdecimal() and len(cell) < 19]
        if word == LISTENS and len(numbers) == 1:
            self.port = numbers[0] if numbers[0] < 65536 else 0
        elif word == AT and len(numbers) == 1 and self.done < numbers[0] <= self._total:
            self.done = numbers[0]
            if self.done - self._mark >= LEAST or self.done == self._total:
                self.caught_up()
            self._on_bytes(self.done)
        elif word == HAS and len(numbers) == 2 and numbers[0] < len(self._sizes):
            self._has[numbers[0]] = blocks(min(numbers[1], self._sizes[numbers[0]]))
