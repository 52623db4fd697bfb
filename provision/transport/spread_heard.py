"""What a host says where each downloads a share of the same files."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple

from provision.payload.relay.wire import FILE, FOUND, LISTED
from provision.transport.pipe import Pipe
from provision.transport.relay_heard import OutOfRelay, RelayHeard
from provision.transport.relay_run import Block

#: Files that a host may name.
_MOST = 500


class SpreadListing(NamedTuple):
    """What a host has been told to download: of each file its name, size and hash, in the same order everywhere."""

    commit: str
    files: tuple[tuple[str, int, str], ...]


class SpreadHeard(RelayHeard):
    """`listing`: once it has said all of it; `there`: how much of each file it has already, in bytes;
    `checked`: those that it has whole, and has compared with what the hub has told it."""

    def __init__(self, pipe: Pipe, on_bytes: Callable[[int], None], on_lost: Callable[[str, str], None]) -> None:
        super().__init__(pipe, (), on_bytes, on_lost)
        self.listing: SpreadListing | None = None
        self.there: list[int] = []
        self.checked: set[int] = set()
        self._files: list[tuple[str, int, str]] = []
        self._found: list[Block] = []

    @property
    def ready(self) -> bool:
        return super().ready and self.listing is not None

    def found(self) -> list[Block]:
        """The blocks that it has got since, from elsewhere than from another host."""
        found, self._found = self._found, []
        return found

    def _line(self, word: str, about: str) -> None:
        first, _, rest = about.partition(" ")
        number = int(first) if first.isascii() and first.isdecimal() and len(first) < 19 else -1
        if word == FILE and self.listing is None:
            self._file(number, rest)
        elif word == LISTED and self.listing is None:
            if number != len(self._files):
                raise OutOfRelay("it has not named all files")
            self.listing = SpreadListing(rest[:100], tuple(self._files))
            self._sizes = [size for _, size, _ in self._files]
            self._total = sum(self._sizes)
        elif word == FOUND:
            block, _, digest = rest.partition(" ")
            if not (block.isascii() and block.isdecimal() and len(block) < 10 and 0 <= number < len(self._files)):
                raise OutOfRelay("it has named a block that there is not")
            try:
                self._found.append(Block(number, int(block), bytes.fromhex(digest)))
            except ValueError:
                raise OutOfRelay("it has named no hash of a block") from None
        else:
            super()._line(word, about)

    def _file(self, there: int, told: str) -> None:
        try:
            name, size, digest, checked = json.loads(told)
        except (ValueError, TypeError, RecursionError):
            name, size, digest, checked = None, None, None, None
        right = isinstance(name, str) and isinstance(digest, str) and isinstance(size, int)
        if not right or not 0 <= there <= size or len(self._files) >= _MOST:
            raise OutOfRelay("it has named a file that cannot be")
        if checked is True and there == size:
            self.checked.add(len(self._files))
        self._files.append((name, size, digest))
        self.there.append(there)
