"""A host's part where several download the same model: its share of the files comes from the hub, every other one from
the hosts, block by block and as soon as one has it.

What it leaves is what a download leaves that broke off (download.py). That goes on from there, and compares each file
with the hash that the hub has told this very host: of what another host sends, nothing is believed. It lasts as long as
its standard input is open. The environment's Python runs it, which the relay starts without its packages.
"""

from __future__ import annotations

import json
import os
import site
import sys
import threading
from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO

from provision.payload.relay.fetching import Fetched, RelayPeer
from provision.payload.relay.host import LAST, RelayProgram
from provision.payload.relay.parts import FilePart, Parts
from provision.payload.relay.saying import end, frame, say
from provision.payload.relay.wire import AT_WORK, BLOCK, FILE, FOUND, HASH, LISTED, LISTENS, LOST
from provision.payload.weights.download import LOADERS, prepared
from provision.payload.weights.folder import Odd
from provision.payload.weights.hub_errors import said
from provision.payload.weights.places import UnsafePlace, become
from provision.payload.weights.seal import Records

#: Files at once, open and passed on; a model has some hundreds at most.
MOST = 500

#: Other hosts' shares that come at the same time.
TAKERS = 4


def main() -> None:
    given = sys.stdin.buffer
    try:
        asked = json.loads(frame(given, b"S"))
        site.main()
        os.environ.update(asked["environment"])
        spec = ChainMap({"HF_TOKEN": asked["token"]}, os.environ)
        become(spec["OWNER"])
        share = Share(spec)
        if all(map(share.whole, share.names)):
            os.nice(LAST)
        SpreadProgram(asked, share).take(given)
    except BlockingIOError:
        end(AT_WORK)
    except UnsafePlace as refused:
        end(f"no safe place: {refused}")
    except Odd as odd:
        end(f"strange files: {odd}")
    except (OSError, ValueError, EOFError, ImportError) as error:
        end(str(error))


class Share:
    """The files of the model here. `names`: all that are to be, in an order that is the same on every host."""

    def __init__(self, spec: Mapping[str, str]) -> None:
        self.spec = spec
        records = Records(spec)
        records.take()
        _, self._loading = prepared(spec, records)
        self.hub = self._loading.hub
        self.names = sorted(self.hub.files)
        if len(self.names) > MOST:
            raise ValueError(f"the model has more than {MOST} files")

    def whole(self, name: str) -> bool:
        """It is in its place, and was compared with what the hub has told."""
        return name in self._loading.whole

    def opened(self, name: str) -> FilePart:
        folder, size = self._loading.folder, self.hub.files[name].size
        if self.whole(name):
            return FilePart(folder.open(name), size, _nothing)
        part = self._loading.part(name)
        return FilePart(folder.open(part, os.O_RDWR | os.O_CREAT, make=True), size, lambda: folder.remove(part))

    def load(self, name: str, at: int, upto: Callable[[int], None]) -> None:
        """From byte `at` on. `upto`: hears how much is there."""
        opened = self._loading.folder.open(self._loading.part(name), os.O_RDWR | os.O_APPEND)
        with os.fdopen(opened, "r+b") as file:
            file.seek(0, os.SEEK_END)
            self.hub.get(name, _Heard(file, upto), at)  # type: ignore[arg-type]


class _Heard:
    """A file that tells how long it has become. What the library needs of it."""

    def __init__(self, file: BinaryIO, upto: Callable[[int], None]) -> None:
        self._file, self._upto = file, upto
        self.seek, self.tell, self.truncate, self.flush = file.seek, file.tell, file.truncate, file.flush

    def write(self, data: bytes) -> int:
        written = self._file.write(data)
        self._file.flush()
        self._upto(self._file.tell())
        return written


class SpreadProgram(RelayProgram):
    """One host's part. `asked`: as of a relay, without `files`."""

    def __init__(self, asked: dict[str, Any], share: Share) -> None:
        super().__init__(asked, Parts([share.opened(name) for name in share.names]))
        self._share = share

    def take(self, given: Any) -> None:
        self._serving.start()
        for name, part in zip(self._share.names, self._parts.files):
            wanted = self._share.hub.files[name]
            about = json.dumps([name, part.size, wanted.sha256 or wanted.blob, self._share.whole(name)])
            say(FILE, min(part.there * BLOCK, part.size), about)
        say(LISTED, len(self._share.names), self._share.hub.commit)
        say(LISTENS, self._serving.port)
        self._listen(given)

    def _told(self, kind: bytes, data: bytes) -> None:
        if kind == b"P":
            threading.Thread(target=self._work, args=(json.loads(data),), daemon=True).start()
        elif kind == b"H":
            self._parts.told(*HASH.unpack(data))
        else:
            raise ValueError(f"a frame of kind {kind!r}")

    def _work(self, plan: Mapping[str, Any]) -> None:
        threading.Thread(target=self._tell, daemon=True).start()
        with ThreadPoolExecutor(LOADERS) as loaders, ThreadPoolExecutor(TAKERS) as takers:
            for file in plan["fetch"]:
                loaders.submit(_or_end, self._load, file)
            for share in plan["take"]:
                peers = [RelayPeer(str(name), str(address), int(port)) for name, address, port in share["peers"]]
                takers.submit(_or_end, self._take, share["files"], peers)
        self._has_all()

    def _load(self, file: int) -> None:
        """From the hub. Its blocks' hashes are said as they come."""
        part, name = self._parts.files[file], self._share.names[file]

        def upto(size: int) -> None:
            while part.good < part.count and min((part.good + 1) * BLOCK, part.size) <= size:
                block = part.good
                data = part.read(block)
                self._parts.told(file, block, part.digest(data))
                self._parts.keep(file, block)
                say(FOUND, file, block, part.hashes[block].hex())

        begun = min(part.there * BLOCK, part.size)
        upto(begun)
        if begun < part.size:
            part.cut(part.there)
            try:
                self._share.load(name, begun, upto)
            except Exception as error:
                raise OSError(said(error, self._share.spec)[0]) from error
        if part.good < part.count:
            raise OSError(f"{name} came in part")

    def _take(self, files: Sequence[int], peers: Sequence[RelayPeer]) -> None:
        source = Fetched(self._identity.client, peers, lambda name, why: say(LOST, name, why))
        for file in files:
            if self._share.whole(self._share.names[file]):
                # Whatever another host says of it. Who has it from here compares each block.
                self._parts.keep(file, self._parts.files[file].count - 1)
                continue
            for block in range(self._parts.files[file].count):
                self._parts.expected(file, block)
                self._one(source, file, block)
                self._parts.keep(file, block)


def _or_end(work: Callable[..., None], *given: object) -> None:
    """What one thread cannot do, the host cannot."""
    try:
        work(*given)
    except Exception as error:
        end(str(error) or type(error).__name__)


def _nothing() -> None:
    """A file in its place stays there, whatever comes."""
