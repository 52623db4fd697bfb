"""Files to several hosts at once: from here, or from a host that has them, to the first of them, and from host to host
(payload/relay) to the others.

What this leaves on each host is what an upload leaves that broke off, at best with nothing missing. So the upload that
follows sends what has not come, compares the whole with what is here, and puts it into its place: whatever goes wrong
in a relay costs time and nothing else.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from functools import partial
from pathlib import Path

import paramiko

from provision.core.errors import ProvisionError
from provision.core.values import dataclass
from provision.payload.bundle import bundle
from provision.payload.relay.wire import FRAME, HASH, NO_SOURCE
from provision.transport.batch import STARTING
from provision.transport.pace import Pace
from provision.transport.relay_heard import ALONE, LEAST, OutOfRelay, RelayHeard
from provision.transport.relay_run import RelayMember, RelayRun, file_blocks
from provision.transport.run_authority import RunAuthority
from provision.transport.session import Session
from provision.transport.upload import STALLED, UploadPlace

#: Seconds: a host that has got next to nothing for so long, while there was something to be had, has it sent from here.
STUCK = 120.0

#: Seconds for which one that serves is heard, where others have not got all.
WORDS = 1.0

#: Why hosts have not got all which can go on from another one.
FIRST_FAILED = "the host that was sent the files failed"

#: First words of why one has not which can go on from another one, if there is one that it has not tried.
UNREACHED = NO_SOURCE


@dataclass(frozen=True)
class RelayStop:
    """A host that the files are for: its address for the others, ports of which one will be free, a Python there, and
    where they are to lie. `names`: of one that has them all, what they are called there; it serves the others, and is
    sent nothing."""

    name: str
    address: str
    ports: tuple[int, ...]
    python: str
    place: UploadPlace
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
        threads = [threading.Thread(target=self._take_part, args=(place,)) for place in range(len(self.stops))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        first = "" if self._run.first is None else self.stops[self._run.first].name
        if first in self.failed:
            # Whether its end or what came of it was heard first.
            for host, why in self.failed.items():
                self.failed[host] = FIRST_FAILED if why.startswith(NO_SOURCE) else why
        return first

    def _take_part(self, place: int) -> None:
        stop, whole = self.stops[place], False
        try:
            program = bundle("relay.host:main").encode()
            with self.connect(stop.name).relay(stop.place, stop.python, program) as pipe:
                lost = partial(self._lost, stop.name)
                heard = RelayHeard(pipe, self._sizes, partial(self._moved, place), lost)
                try:
                    self._one(place, heard)
                except (OSError, EOFError, paramiko.SSHException):
                    heard.last_words()  # of a program that has ended meanwhile
                    raise
            whole = True
        except Exception as error:
            self.failed[stop.name] = reason(error)
        finally:
            self._run.leaves(place, whole=whole)

    def _one(self, place: int, heard: RelayHeard) -> None:
        def look() -> None:
            if self.cancel.is_set():
                raise OutOfRelay("cancelled")
            heard.look(0)

        self._begin(place, heard)
        began = time.monotonic()
        while not heard.port:
            look()
            if time.monotonic() - began > STARTING:
                raise OutOfRelay(f"the host had not begun after {STARTING:g} s")
            heard.wait(0.2)
        stop = self.stops[place]
        if heard.port not in stop.ports:
            raise OutOfRelay(f"it listens on port {heard.port}, which it was not told to")
        self._run.joins(place, RelayMember(certified(place), stop.address, heard.port))
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
        certificate, key = self._authority.issue(certified(place))
        asked: Mapping[str, object] = {
            "authority": self._authority.certificate,
            "certificate": certificate,
            "key": key.reveal(),
            "address": stop.address,
            "ports": stop.ports,
            "rate": self.pace.rate,
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


def reason(error: Exception) -> str:
    """Why a host takes no further part."""
    if isinstance(error, TimeoutError):
        return f"the host read nothing for {STALLED:g} s"
    if isinstance(error, ProvisionError | OutOfRelay | OSError | EOFError | paramiko.SSHException):
        return str(error) or type(error).__name__
    return f"{type(error).__name__}: {error}"  # a fault of ours: the others are not to wait for it


def certified(place: int) -> str:
    """The name of a host in its certificate."""
    return f"host-{place}"


def named(name: str, hosts: Sequence[str]) -> str:
    """The host that is certified so."""
    place = name.rpartition("-")[2]
    known = place.isascii() and place.isdecimal() and int(place) < len(hosts)
    return hosts[int(place)] if known else "another host"


def framed(kind: bytes, data: bytes) -> bytes:
    return FRAME.pack(kind, len(data)) + data


def send(heard: RelayHeard, kind: bytes, data: bytes) -> None:
    heard.pipe.send(framed(kind, data), STALLED)
