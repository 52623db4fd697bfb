"""What a host does in a relay, in the folder where the files are to lie: it has them block by block from the controller
or from other hosts, checks each, and passes on what it has checked. It lasts as long as its standard input is open.

It runs on the host's own Python (HOST_PYTHON in bundle.py, or newer, nothing installed).
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from typing import IO, Any, Union

from provision.payload.relay.fetching import Fetched, NoSource, RelayPeer, Sent
from provision.payload.relay.parts import FilePart, Parts, StandingFile
from provision.payload.relay.saying import end, frame, say
from provision.payload.relay.serving import Serving
from provision.payload.relay.tls import Identity
from provision.payload.relay.wire import AT, BLOCK, FRAME, HAS, HASH, LISTENS, LOST, WHOLE, length_of

#: Niceness of who serves others: a model may be served there.
LAST = 10

#: Seconds between two lines about how far it is.
_OFTEN = 0.5

_Source = Union[Sent, Fetched]


def main() -> None:
    given = sys.stdin.buffer
    try:
        asked = json.loads(frame(given, b"S"))
        if asked["names"]:
            os.nice(LAST)
            standing = [StandingFile(name, about[1]) for name, about in zip(asked["names"], asked["files"])]
            ServingProgram(asked, Parts(standing)).take(given)
        else:
            RelayProgram(asked, Parts([FilePart.named(*about) for about in asked["files"]])).take(given)
    except (OSError, ValueError, EOFError, ImportError) as error:
        end(str(error))


class RelayProgram:
    """One host's part. `asked`: `authority`, `certificate`, `key` (PEM), `address`, `ports`, `files`, each with name,
    size, and time, `names` of the same files where they are whole already, and `rate`, the bytes that come from other
    hosts in a second at most, 0 for no limit."""

    def __init__(self, asked: dict[str, Any], parts: Parts) -> None:
        self._identity = Identity(asked["authority"], asked["certificate"], asked["key"])
        self._parts = parts
        self._serving = Serving(self._identity.server, self._parts, asked["address"], asked["ports"])
        self._sent = Sent()
        self._rate, self._free, self._pacing = float(asked["rate"]), 0.0, threading.Lock()
        self._sources: queue.Queue[_Source] = queue.Queue()
        self._fetched: Fetched | None = None
        self._through = threading.Event()

    def take(self, given: IO[bytes]) -> None:
        """Until the controller lets go: whatever else goes on here ends with that."""
        self._serving.start()
        for index, part in enumerate(self._parts.files):
            say(HAS, index, min(part.there * BLOCK, part.size))
        say(LISTENS, self._serving.port)
        threading.Thread(target=self._fill, daemon=True).start()
        self._listen(given)

    def _listen(self, given: IO[bytes]) -> None:
        while True:
            head = given.read(FRAME.size)
            if len(head) < FRAME.size:
                os._exit(0)
            kind, length = FRAME.unpack(head)
            data = given.read(length)
            if len(data) < length:
                os._exit(0)
            self._told(kind, data)

    def _told(self, kind: bytes, data: bytes) -> None:
        if kind == b"P":
            peers = [RelayPeer(str(name), str(address), int(port)) for name, address, port in json.loads(data)]
            if self._fetched is not None:
                self._fetched.use(peers)
            elif peers:
                lost = lambda name, why: say(LOST, name, why)  # noqa: E731
                self._fetched = Fetched(self._identity.client, peers, lost)
                self._sources.put(self._fetched)
            else:
                self._sources.put(self._sent)
        elif kind in (b"H", b"D"):
            self._parts.told(*HASH.unpack(data[: HASH.size]))
            if kind == b"D":
                self._sent.waiting.put(data[HASH.size :])
        else:
            raise ValueError(f"a frame of kind {kind!r}")

    def _fill(self) -> None:
        try:
            source = self._sources.get()
            threading.Thread(target=self._tell, daemon=True).start()
            for file, part in enumerate(self._parts.files):
                for block in range(part.count):
                    self._parts.expected(file, block)
                    self._one(source, file, block)
                    self._parts.keep(file, block)
            self._has_all()
        except (NoSource, OSError, ValueError) as error:
            end(str(error))

    def _has_all(self) -> None:
        self._through.set()
        say(AT, self._parts.bytes)
        say(WHOLE)

    def _tell(self) -> None:
        """How far it is: also while it waits for more, or it would seem to have less than it has."""
        said = 0
        while not self._through.wait(_OFTEN):
            now = self._parts.bytes
            if now > said:
                said = now
                say(AT, said)

    def _one(self, source: _Source, file: int, block: int) -> None:
        part = self._parts.files[file]
        if block < part.there:
            if part.fits(block, part.read(block)):
                return
            part.there = block
            if isinstance(source, Sent):
                part.cut(block)
                raise NoSource("what was here is not the beginning of the file")
        while True:
            if isinstance(source, Fetched):
                self._pace(length_of(part.size, block))
            data = source.block(file, block, part.size)
            if part.fits(block, data):
                break
            source.refuse()
        if isinstance(source, Fetched):
            source.good()
        part.write(block, data)

    def _pace(self, size: int) -> None:
        if self._rate:
            with self._pacing:
                now = time.monotonic()
                begins = max(self._free, now)
                self._free = begins + size / self._rate
            time.sleep(begins - now)


class ServingProgram(RelayProgram):
    """Of a host that has all of the files."""

    def _one(self, source: _Source, file: int, block: int) -> None:
        """It is there, and checked when it is asked for."""
