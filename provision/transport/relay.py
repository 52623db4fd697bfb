"""Files to several hosts at once: from here, or from a host that has them, to the first of them, and from host to host
(payload/relay) to the others.

What this leaves on each host is what an upload leaves that broke off, at best with nothing missing. So the upload that
follows sends what has not come, compares the whole with what is here, and puts it into its place: whatever goes wrong
in a relay costs time and nothing else.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import field
from functools import partial
from pathlib import Path

from provision.core.values import dataclass
from provision.payload.bundle import bundle
from provision.payload.relay.wire import HASH
from provision.transport.batch import STARTING
from provision.transport.pace import Pace
from provision.transport.relay_heard import ALONE, LEAST, OutOfRelay, RelayHeard
from provision.transport.relay_part import (
    FIRST_FAILED,
    STUCK,
    RelayParticipant,
    all_take_part,
    framed,
    identity,
    last_words,
    listening,
    named,
    of_another,
    send,
)
from provision.transport.relay_run import RelayMember, RelayRun, file_blocks
from provision.transport.run_authority import RunAuthority
from provision.transport.session import Session
from provision.transport.upload import STALLED

#: Seconds for which one that serves is heard, where others have not got all.
WORDS = 1.0


@dataclass(frozen=True)
class RelayStop(RelayParticipant):
    """One that the files are for. `names`: of one that has them all, what they are called there; it serves the others,
    and is sent nothing."""

    names: tuple[str, ...] = ()


@dataclass
class Relay:
    """`stops`: one that has the files before all others. `sources`: with size, time and name as the host is told.
    `connect`: the session of a host. `on_bytes(host, done, total)`; `say(host, text)`: what went wrong, and did not end
    it. `pace`: of what leaves this machine, and for each host of what it gets from others. `failed`: host → why it did
    not get all."""

    stops: Sequence[RelayStop]
    sources: Sequence[tuple[Path, int, int]]
    connect: Callable[[str], Session]
    on_bytes: Callable[[str, int, int], None]
    say: Callable[[str, str], None]
    cancel: threading.Event
    pace: Pace
    failed: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._authority = RunAuthority()
        self._run = RelayRun(len(self.stops))
        self._sizes = [size for _, size, _ in self.sources]

    def carry_out(self) -> str:
        """Returns when no host gets anything more; who came first, empty if nobody did. Raises nothing for a host."""
        failed = all_take_part(self.stops, self._run, self._take_part)
        first = "" if self._run.first is None else self.stops[self._run.first].name
        self.failed |= of_another(failed) if first in failed else failed
        return first

    def _take_part(self, place: int) -> None:
        stop, program = self.stops[place], bundle("relay.host:main").encode()
        with self.connect(stop.name).relay(stop.place, stop.python, program) as pipe:
            heard = RelayHeard(pipe, self._sizes, partial(self._moved, place), partial(self._lost, stop.name))
            with last_words(heard):
                self._one(place, heard)

    def _one(self, place: int, heard: RelayHeard) -> None:
        def look() -> None:
            if self.cancel.is_set():
                raise OutOfRelay("cancelled")
            heard.look(0)

        stop = self.stops[place]
        self._begin(place, heard)
        self._run.joins(place, listening(place, stop, heard, look, "begun", STARTING))
        members = self._run.all_there(look)
        if len(members) < 2:
            raise OutOfRelay(ALONE)
        first = min(members)
        before = self._order(place, heard, None)
        if place == first:
            self._feed(place, heard, look)
            heard.caught_up()  # what went over a slow line from here is no fault of its
            self._run.told()
        else:
            before = self._tell(place, heard, look, before)
        while not heard.whole:
            look()
            heard.wait(0.2)
            self._patience(heard)
            before = self._order(place, heard, before)
        self._run.has_all(place)
        self._run.all_over(look)
        if stop.names and self._run.lost:
            heard.look(WORDS)  # why it is not had from there

    def _begin(self, place: int, heard: RelayHeard) -> None:
        stop = self.stops[place]
        asked = {
            **identity(self._authority, place, stop, self.pace.rate),
            "files": [(source.name, size, mtime) for source, size, mtime in self.sources],
            "names": stop.names,
        }
        send(heard, b"S", json.dumps(asked).encode())

    def _feed(self, place: int, heard: RelayHeard, look: Callable[[], None]) -> None:
        """The first host: every block, but for those that it has."""
        serves = bool(self.stops[place].names)
        for file, (source, size, _) in enumerate(self.sources):
            for block, data in file_blocks(file, source, size):
                look()
                if serves and self._run.alone(place):
                    raise OutOfRelay(ALONE)
                if block.number < heard.has(file):
                    send(heard, b"H", HASH.pack(*block))
                elif serves:
                    raise OutOfRelay("it has not said that it has all")
                else:
                    self.pace.take(len(data))
                    send(heard, b"D", HASH.pack(*block) + data)
                self._run.found(block)

    def _order(self, place: int, heard: RelayHeard, before: Sequence[RelayMember] | None) -> Sequence[RelayMember]:
        """Says from whom it has them, where that is new."""
        now = self._run.before(place, sum(self._sizes))
        if now != before:
            send(heard, b"P", json.dumps(now).encode())
        return now

    def _tell(
        self, place: int, heard: RelayHeard, look: Callable[[], None], before: Sequence[RelayMember]
    ) -> Sequence[RelayMember]:
        """Any other host: the hash of every block that the first one has been sent."""
        told, more = 0, True
        while more:
            new, more = self._run.blocks_from(told, 0.2)
            heard.pipe.send(b"".join(framed(b"H", HASH.pack(*block)) for block in new), STALLED)
            told += len(new)
            look()
            self._patience(heard)
            before = self._order(place, heard, before)
        return before

    def _patience(self, heard: RelayHeard) -> None:
        if self._run.broken:
            raise OutOfRelay(FIRST_FAILED)
        if not self._run.told_all and heard.done >= self._run.told_bytes(self.sources):
            heard.caught_up()
        elif heard.still > STUCK:
            raise OutOfRelay(f"fewer than {LEAST >> 20} MiB came from the other hosts in {STUCK:g} s")

    def _moved(self, place: int, done: int) -> None:
        self._run.moved(place, done)
        self.on_bytes(self.stops[place].name, done, sum(self._sizes))

    def _lost(self, by: str, name: str, why: str) -> None:
        self.say(by, f"had no more from {named(name, [stop.name for stop in self.stops])}: {why}")
