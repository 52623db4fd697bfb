"""Files that several hosts download, the same ones: each host a share of them, and the others' from host to host.

What this leaves on each host is what a download leaves that broke off. So the download that follows loads what has
not come, and compares every file with what the hub has told that host: whatever goes wrong here costs time and nothing
else.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from functools import partial

from provision.core.script import Value
from provision.core.secret import Secret
from provision.core.values import dataclass
from provision.payload.relay.wire import AT_WORK, HASH
from provision.transport.pace import Pace
from provision.transport.redact import redactor
from provision.transport.relay_heard import LEAST, OutOfRelay
from provision.transport.relay_part import (
    FIRST_FAILED,
    STUCK,
    UNREACHED,
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
from provision.transport.run_authority import RunAuthority
from provision.transport.session import Session
from provision.transport.spread_heard import SpreadHeard
from provision.transport.spread_run import SpreadMember, SpreadRun
from provision.transport.upload import STALLED

#: Seconds for a host to ask the hub, and to hash what it has of the files.
LISTING = 1800.0

#: Seconds: where no host has told of anything more for so long, those whose shares are not through are given up. A hub
#: that is slow sends some megabytes in that, one that is asked again after an error answers.
IDLE = 600.0

#: Why a host loads no share that will find the files done, or go on with them, once another one is.
WAITS = AT_WORK


@dataclass(frozen=True)
class SpreadStop(RelayParticipant):
    """`program`: what runs there."""

    program: str
    environment: Mapping[str, Value]
    token: Secret | None

    @property
    def secrets(self) -> list[Secret]:
        return [value for value in (*self.environment.values(), self.token) if isinstance(value, Secret)]


@dataclass
class SpreadTransfer:
    """`connect`: the session of a host. `on_bytes(host, done, total)`; `say(host, text)`: what went wrong, and did not
    end it. `pace`: of what each host gets from others. `failed`: host → why it did not get all."""

    stops: Sequence[SpreadStop]
    connect: Callable[[str], Session]
    on_bytes: Callable[[str, int, int], None]
    say: Callable[[str, str], None]
    cancel: threading.Event
    pace: Pace
    failed: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._authority = RunAuthority()
        self._run = SpreadRun(len(self.stops))
        self._clean = redactor([secret for stop in self.stops for secret in stop.secrets])

    def carry_out(self) -> None:
        """Returns when no host gets anything more. Raises nothing for a host."""
        failed = all_take_part(self.stops, self._run, self._take_part)
        if any(not why.startswith((FIRST_FAILED, UNREACHED)) for why in failed.values()):
            failed = of_another(failed)
        self.failed |= {host: self._clean(why) for host, why in failed.items()}

    def _take_part(self, place: int) -> None:
        stop = self.stops[place]
        with self.connect(stop.name).relay(stop.place, stop.python, stop.program.encode()) as pipe:
            moved = lambda done: self.on_bytes(stop.name, done, self._run.total)  # noqa: E731
            heard = SpreadHeard(pipe, moved, partial(self._lost, stop.name))
            with last_words(heard):
                self._one(place, heard)

    def _one(self, place: int, heard: SpreadHeard) -> None:
        stop = self.stops[place]

        def look() -> None:
            if self.cancel.is_set():
                raise OutOfRelay("cancelled")
            heard.look(0)
            for block in heard.found():
                self._run.found(place, block)

        self._begin(place, heard)
        at = listening(place, stop, heard, look, "named the files", LISTING)
        assert heard.listing is not None
        self._run.joins(place, SpreadMember(at, heard.listing, heard.there, heard.checked))
        self._run.all_there(place, look)
        takes = [{"files": take.files, "peers": take.peers} for take in self._run.takes(place)]
        send(heard, b"P", json.dumps({"fetch": self._run.share(place), "take": takes}).encode())
        heard.caught_up()
        told = 0
        while not heard.whole:
            look()
            new, told = self._run.blocks_from(told, place, 0.2)
            heard.pipe.send(b"".join(framed(b"H", HASH.pack(*block)) for block in new), STALLED)
            if self._run.broken:
                raise OutOfRelay(FIRST_FAILED)
            if self._run.idle(place, IDLE):
                raise OutOfRelay(f"it has told of no more of its share for {IDLE:g} s")
            if heard.done >= self._run.bytes and not self._run.told_all:
                heard.caught_up()  # there is no more to be had: a slow hub is no fault of a host
            elif heard.still > STUCK:
                raise OutOfRelay(f"fewer than {LEAST >> 20} MiB came in {STUCK:g} s")
        look()  # for what it said together with that
        self._run.has_all(place)
        self._run.all_over(look)

    def _begin(self, place: int, heard: SpreadHeard) -> None:
        stop = self.stops[place]
        asked = {
            **identity(self._authority, place, stop, self.pace.rate),
            "environment": {name: _revealed(value) for name, value in stop.environment.items()},
            "token": _revealed(stop.token or ""),
        }
        send(heard, b"S", json.dumps(asked).encode())

    def _lost(self, by: str, name: str, why: str) -> None:
        said = f"had no more from {named(name, [stop.name for stop in self.stops])}: {why}"
        self.say(by, self._clean(said))


def _revealed(value: Value) -> str:
    return value.reveal() if isinstance(value, Secret) else str(value)
