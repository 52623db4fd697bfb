"""The order in which hosts pass files on: each has them from those before it. One that holds up those behind it goes to
the end. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

#: How many of those before it a host knows, the first aside.
NEAREST = 3

#: Seconds between two looks, and bytes: one that is so far behind the one before it at two of them, and has given all
#: of it to the one behind it, holds up the others.
SPELL, BEHIND = 10.0, 64 << 20

#: It is that far behind only if that is more than this part of what the one before it got between the looks, since
#: hosts say how far they are twice a second.
PART = 4


class RelayChain:
    """Of `places`, by their place in the order that they begin in. The first that holds up others may be slow, or the
    network: that is seen once it has been moved. From then on one is moved that is less than half as fast as another
    one has been, and nobody twice."""

    def __init__(self, places: Sequence[int], began: float) -> None:
        self.order = list(places)
        self._moved: set[int] = set()
        self._lag: Mapping[int, int] = {}
        self._done: Mapping[int, int] = {}
        self._best = 0
        self._next = began + SPELL

    def look(self, now: float, done: Mapping[int, int], total: int) -> None:
        """`done`: bytes that each has by now, of `total`."""
        if now < self._next:
            return
        self._next = now + SPELL
        done = {place: done.get(place, 0) for place in self.order}
        gained = {place: done[place] - self._done.get(place, 0) for place in self.order}
        lag = {self.order[at]: done[self.order[at - 1]] - done[self.order[at]] for at in range(1, len(self.order))}
        self._best = max([self._best, *(gained[place] for place in lag)])
        for at in range(1, len(self.order) - 1):
            before, place, behind = self.order[at - 1 : at + 2]
            late = lag[place] >= max(BEHIND, gained[before] // PART) and self._lag.get(place, 0) >= BEHIND
            slow = not self._moved or 2 * gained[place] < self._best
            if late and slow and place not in self._moved and lag[behind] < BEHIND and done[behind] < total:
                self._last(place)
                lag = {}
                break
        self._lag, self._done = lag, done

    def before(self, place: int) -> list[int]:
        """From whom it has them, the best first: the nearest, and the first, as one behind a firewall tries each."""
        before = self.order[: self.order.index(place)][::-1]
        return [*before[:NEAREST], *before[NEAREST:][-1:]]

    def _last(self, place: int) -> None:
        """Behind all that have not been moved: it is not held up by another one that is slow."""
        self.order.remove(place)
        self.order.insert(len(self.order) - len(self._moved), place)
        self._moved.add(place)
