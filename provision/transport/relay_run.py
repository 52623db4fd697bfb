"""What the threads of one relay share, one for each host."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from provision.payload.relay.wire import BLOCK, blocks, length_of
from provision.transport.relay_chain import RelayChain

# Seconds: how often one who waits looks at what else may have happened.
_LOOK = 0.2

Member = TypeVar("Member")


class Block(NamedTuple):
    """`digest`: SHA-256."""

    file: int
    number: int
    digest: bytes


class RelayMember(NamedTuple):
    """A host that can pass blocks on: the name in its certificate, its address and port."""

    name: str
    address: str
    port: int


class Together(Generic[Member]):
    """Of `count` hosts, by their place in the order: who takes part, who is done, and who is gone."""

    def __init__(self, count: int) -> None:
        self._changed = threading.Condition()
        self._count = count
        self._members: dict[int, Member | None] = {}
        self._over: set[int] = set()
        self._gone: set[int] = set()

    def joins(self, place: int, member: Member) -> None:
        with self._changed:
            self._members.setdefault(place, member)
            self._changed.notify_all()

    def has_all(self, place: int) -> None:
        with self._changed:
            self._over.add(place)
            self._changed.notify_all()

    def leaves(self, place: int, *, whole: bool) -> None:
        """It passes on no more. `whole`: it has had all."""
        with self._changed:
            self._members.setdefault(place, None)
            self._over.add(place)
            if not whole:
                self._gone.add(place)
            self._changed.notify_all()

    def all_over(self, look: Callable[[], None]) -> None:
        """As long as one is not done, the others go on passing on."""
        self._wait(lambda: len(self._over) == self._count, look)

    def alone(self, place: int) -> bool:
        """Nobody else has anything to get."""
        with self._changed:
            return self._over | {place} == {*range(self._count)}

    @property
    def lost(self) -> bool:
        """Somebody has not had all."""
        return bool(self._gone)

    def _wait(self, true: Callable[[], bool], look: Callable[[], None]) -> None:
        while True:
            with self._changed:
                if self._changed.wait_for(true, _LOOK):
                    return
            look()


class RelayRun(Together[RelayMember]):
    """Of `count` hosts, by their place in the order. The first that takes part is sent everything from here."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self._blocks: list[Block] = []
        self._told_all = False
        self._chain: RelayChain | None = None
        self._done: dict[int, int] = {}

    @property
    def first(self) -> int | None:
        return min((place for place, member in self._members.items() if member is not None), default=None)

    @property
    def broken(self) -> bool:
        """What the first one has not got, nobody will."""
        return len(self._members) == self._count and self.first in self._gone

    @property
    def told_all(self) -> bool:
        """The first host has been told all blocks."""
        return self._told_all

    def all_there(self, look: Callable[[], None]) -> dict[int, RelayMember]:
        """Those that take part, once each has said whether it does."""
        self._wait(lambda: len(self._members) == self._count, look)
        return {place: member for place, member in sorted(self._members.items()) if member is not None}

    def before(self, place: int, total: int) -> list[RelayMember]:
        """From whom it is to have the files now, the best first, once all have said whether they take part. `total`: of
        all files, in bytes."""
        now = time.monotonic()
        with self._changed:
            there = {place: member for place, member in sorted(self._members.items()) if member is not None}
            if self._chain is None:
                self._chain = RelayChain([*there], now)
            self._chain.look(now, self._done, total)
            return [there[other] for other in self._chain.before(place)]

    def moved(self, place: int, done: int) -> None:
        """It has so many bytes."""
        with self._changed:
            self._done[place] = done

    def found(self, block: Block) -> None:
        with self._changed:
            self._blocks.append(block)
            self._changed.notify_all()

    def told(self) -> None:
        """No more blocks will be found."""
        with self._changed:
            self._told_all = True
            self._changed.notify_all()

    def blocks_from(self, first: int, seconds: float) -> tuple[list[Block], bool]:
        """Those that are known from `first` on, and whether more will come; waits a little for one."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._blocks) > first or self._told_all or self.broken, seconds)
            return self._blocks[first:], not self._told_all

    def told_bytes(self, sources: Sequence[tuple[Path, int, int]]) -> int:
        """How much of the files there is to be had, at least."""
        with self._changed:
            last = self._blocks[-1] if self._blocks else None
        if last is None:
            return 0
        return sum(size for _, size, _ in sources[: last.file]) + last.number * BLOCK


def file_blocks(file: int, source: Path, size: int) -> Iterator[tuple[Block, bytes]]:
    """Raises OSError, also for a file that is not as long as it was."""
    with source.open("rb") as opened:
        for number in range(blocks(size)):
            data = opened.read(length_of(size, number))
            if len(data) < length_of(size, number):
                raise OSError(f"`{source}` has become shorter")
            yield Block(file, number, hashlib.sha256(data).digest()), data
