"""What the threads share where hosts download shares of the same files, one thread for each host."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from provision.payload.relay.wire import blocks, length_of
from provision.transport.relay_heard import ALONE, OutOfRelay
from provision.transport.relay_run import Block, RelayMember, Together
from provision.transport.spread_heard import SpreadListing

#: How many of those before it a host knows, whose share it is aside.
NEAREST = 3


class SpreadMember(NamedTuple):
    """`there`: how much it has of each file, in bytes; `checked`: those that it has compared with what the hub says."""

    at: RelayMember
    listing: SpreadListing
    there: Sequence[int]
    checked: Collection[int] = ()


class Take(NamedTuple):
    """Files that one other host downloads, and from whom they can be had, the best first."""

    files: tuple[int, ...]
    peers: tuple[RelayMember, ...]


def assigned(
    there: Mapping[int, Sequence[int]], sizes: Sequence[int], checked: Mapping[int, Collection[int]]
) -> dict[int, int]:
    """File → the host that has it already, or else is to download it: who has most of it, of those whose share is
    smallest, and before them who has compared it. Files that nobody lacks are left out."""
    found: dict[int, int] = {}
    share = dict.fromkeys(there, 0)
    for file in sorted(range(len(sizes)), key=lambda file: -sizes[file]):
        most = max(have[file] for have in there.values())
        if all(have[file] == sizes[file] for have in there.values()):
            continue
        able = [host for host in there if file in checked[host]] or [
            host for host in there if there[host][file] == most
        ]
        best = min(able, key=lambda host: (share[host], host))
        share[best] += max(1, sizes[file] - most)
        found[file] = best
    return dict(sorted(found.items()))


class SpreadRun(Together[SpreadMember]):
    """Of `count` hosts, by their place in the order."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self._of: dict[int, int] | None = None
        self._blocks: list[tuple[int, Block]] = []
        self._told: Counter[int] = Counter()
        #: Of the files that somebody lacks: all, and those that can be had by now.
        self.total = self.bytes = 0
        self._moved = time.monotonic()

    def all_there(self, place: int, look: Callable[[], None]) -> None:
        """Once each has said what it is to have. Raises OutOfRelay for one who is alone with that."""
        self._wait(lambda: len(self._members) == self._count, look)
        with self._changed:
            members = self._alike()
            if self._of is None:
                there = {other: member.there for other, member in members.items()}
                sizes = [size for _, size, _ in next(iter(members.values())).listing.files] if members else []
                self._of = assigned(there, sizes, {other: member.checked for other, member in members.items()})
                self.total = sum(sizes[file] for file in self._of)
                self._moved = time.monotonic()
        if sum(member is not None for member in self._members.values()) < 2:
            raise OutOfRelay(ALONE)
        if len(members) < 2 or place not in members:
            raise OutOfRelay("the hub has told it of other files than other hosts")

    def share(self, place: int) -> list[int]:
        """The files whose blocks it tells the others of."""
        return [file for file, host in self._assigned.items() if host == place]

    def takes(self, place: int) -> Iterator[Take]:
        """The others' shares, the nearest one's first: each host has them from the one before it."""
        members = self._alike()
        order = sorted(members)
        at = order.index(place)
        before = order[:at][::-1] + order[at + 1 :][::-1]
        for number, host in enumerate(before):
            if files := self.share(host):
                nearest = [*before[:number][:NEAREST], host]
                yield Take(tuple(files), tuple(members[other].at for other in nearest))

    def found(self, place: int, block: Block) -> None:
        """Raises OutOfRelay for what is no next block of a file that is its to tell of."""
        member = self._members.get(place)
        with self._changed:
            next_one = self._told[block.file] == block.number
            if member is None or self._assigned.get(block.file) != place or not next_one or len(block.digest) != 32:
                raise OutOfRelay("it has named a block that is not its to name")
            size = member.listing.files[block.file][1]
            if block.number >= blocks(size):
                raise OutOfRelay("it has named a block that there is not")
            self._told[block.file] += 1
            self._moved = time.monotonic()
            self.bytes += length_of(size, block.number)
            self._blocks.append((place, block))
            self._changed.notify_all()

    def blocks_from(self, first: int, place: int, seconds: float) -> tuple[list[Block], int]:
        """Those of others' shares that are known from `first` on, and where to go on; waits a little for one."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._blocks) > first or self.broken, seconds)
            return [block for host, block in self._blocks[first:] if host != place], len(self._blocks)

    @property
    def broken(self) -> bool:
        """A host is gone whose share nobody else will have."""
        return any(host in self._gone and not self._told_all(file) for file, host in self._assigned.items())

    @property
    def told_all(self) -> bool:
        return self.bytes == self.total

    def idle(self, place: int, seconds: float) -> bool:
        """Whether more of its share is to come, and nobody has told of any block for so long."""
        return time.monotonic() - self._moved > seconds and any(not self._told_all(file) for file in self.share(place))

    @property
    def _assigned(self) -> Mapping[int, int]:
        return self._of or {}

    def _told_all(self, file: int) -> bool:
        member = self._members[self._assigned[file]]
        return member is not None and self._told[file] == blocks(member.listing.files[file][1])

    def _alike(self) -> dict[int, SpreadMember]:
        """Those who are to have the same files as most: a branch may have moved on in between."""
        members = {place: member for place, member in sorted(self._members.items()) if member is not None}
        most = Counter(member.listing for member in members.values()).most_common(1)
        return {place: member for place, member in members.items() if most and member.listing == most[0][0]}
