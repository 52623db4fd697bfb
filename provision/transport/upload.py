"""Files and folders to a host, as streams, each over a channel of its own, as fast as the wire.

What goes to the same folder goes in streams of some size: a stream is there whole or not at all. A large file goes by
itself, and on where it broke off: what has arrived of hundreds of gigabytes stays.
"""

from __future__ import annotations

import tarfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, NamedTuple, cast

import paramiko

from provision.core.errors import Cancelled, ConnectionLost, ScriptFailed, ScriptTimeout, UsageError
from provision.core.script import Upload
from provision.transport.batch import STARTING, STARTUP
from provision.transport.leash import COMPLETE, LOOKING_AT_IT, PREFIX, READY, STORED, receiver
from provision.transport.pace import Pace
from provision.transport.pipe import Pipe
from provision.transport.resume import LOOKING, begun_there, line_of, send_rest

#: A host that takes nothing for this long is gone, or its disk is (seconds).
STALLED = 60.0

#: A file of this size is a stream of its own (bytes).
PART = 64 << 20

# Large blocks: Python's cost is per call. 10240 is tar's own record, which the total is rounded up to.
_BLOCK = 1 << 20
_RECORD = tarfile.RECORDSIZE

# Bytes of what a host says that did not take something; and of all that it may say: the files of a login shell may
# print megabytes.
_KEPT, _MOST = 64 << 10, 64 << 20


class UploadPlace(NamedTuple):
    """Of an `Upload`."""

    into: str
    user: str
    made: str


class Transfer:
    """All uploads for one host. `on_bytes(sent, total)`: of file content and tar headers."""

    def __init__(
        self,
        host: str,
        uploads: Sequence[Upload],
        on_bytes: Callable[[int, int], None],
        cancel: threading.Event,
        fence: tuple[str, str] = ("", ""),
        pace: Pace | None = None,
    ) -> None:
        """`fence`: a lease, and its folder on the host."""
        self._fence = fence
        self._pace = pace or Pace(0, cancel)
        self._host = host
        self._on_bytes = on_bytes
        self._cancel = cancel
        self._sent = 0
        self._parts: list[tuple[UploadPlace, list[Path]]] = []
        together: dict[UploadPlace, list[Path]] = {}
        for upload in uploads:
            place = UploadPlace(upload.into, upload.user, upload.made)
            for name in place:
                if "\n" in name:
                    raise UsageError(f"a folder's name cannot hold a newline: {name!r}")
            if not upload.source.exists():
                raise UsageError(f"there is no `{upload.source}` to send to {host}")
            if is_large(upload.source):
                self._parts.append((place, [upload.source]))
            elif place in together and size_of(together[place]) < PART:
                together[place].append(upload.source)
            else:
                together[place] = [upload.source]
                self._parts.append((place, together[place]))
        self._alone = [line_of(sources[0]) if _alone(sources) else "" for _, sources in self._parts]
        self._total = sum(
            sources[0].stat().st_size if alone else size_of(sources)
            for alone, (_, sources) in zip(self._alone, self._parts, strict=True)
        )

    @property
    def parts(self) -> range:
        return range(len(self._parts))

    def send(self, pipe: Pipe, part: int) -> None:
        """One of the streams, to the program that waits on `pipe`."""
        (into, user, made), sources = self._parts[part]
        alone = self._alone[part]
        said = bytearray()
        try:
            lines = (*self._fence, user, made, into, alone or "-")
            pipe.send(PREFIX + receiver() + "".join(f"{line}\n" for line in lines).encode(), STALLED)
            if alone:
                self._send_one(pipe, sources[0], int(alone.partition(" ")[0]), said)
                pipe.channel.shutdown_write()
                self._finish(pipe, into, said)
                return
            # Links are followed: a folder of links into a cache is sent as what it stands for.
            out = _Writer(pipe, self._count, self._pace)
            with tarfile.open(fileobj=cast("IO[bytes]", out), mode="w|", bufsize=_BLOCK, dereference=True) as tar:
                tar.copybufsize = _BLOCK  # type: ignore[attr-defined]  # 16 KiB otherwise
                for source in sources:
                    tar.add(source, arcname=source.name, filter=_private)
                tar.addfile(tarfile.TarInfo(COMPLETE))
            pipe.channel.shutdown_write()
        except TimeoutError as error:
            raise ConnectionLost(self._host, f"the host read nothing for {STALLED:g} s", hint="run it again") from error
        except (OSError, EOFError, paramiko.SSHException) as error:
            # The program ended early (no space, no permission), or the connection did: its words say which.
            self._finish(pipe, into, said)
            raise ConnectionLost(self._host, f"the connection broke: {error}", hint="run it again") from error
        self._finish(pipe, into, said)

    def _send_one(self, pipe: Pipe, source: Path, total: int, said: bytearray) -> None:
        def until(seconds: float, heard: bytearray) -> None:
            if self._cancel.is_set():
                raise Cancelled(f"cancelled while sending to {self._host}")
            self._bound(len(said), said)
            if seconds > LOOKING or (seconds > STARTING and LOOKING_AT_IT.encode() not in heard):
                message = f"the host had not begun to take files after {seconds:.0f} s"
                raise ScriptTimeout(self._host, message, evidence=_lines(said), hint=STARTUP)

        begun = begun_there(pipe, source, said.extend, until)
        if begun >= 0:
            pipe.send(f"{begun}\n".encode(), STALLED)
            self._count(begun)
            send_rest(source, begun, total, _Writer(pipe, self._count, self._pace).write)

    def _count(self, size: int) -> None:
        if self._cancel.is_set():
            raise Cancelled(f"cancelled while sending to {self._host}")
        self._sent = min(self._sent + size, self._total)
        self._on_bytes(self._sent, self._total)

    def _bound(self, heard: int, said: bytearray) -> None:
        if heard > _MOST:
            message = f"it printed more than {_MOST >> 20} MiB instead of taking files"
            raise ScriptFailed(self._host, message, evidence=_lines(said), hint=STARTUP)

    def _finish(self, pipe: Pipe, into: str, said: bytearray) -> None:
        heard = 0
        while not pipe.over:
            out, err = pipe.read(0.2)
            heard += len(out) + len(err)
            self._bound(heard, said)
            said = (said + out + err)[-_KEPT:]
            if self._cancel.is_set():
                raise Cancelled(f"cancelled while sending to {self._host}")
        pipe.ended(STALLED)
        if pipe.status is None:
            raise ConnectionLost(self._host, "the connection broke while files were sent", hint="run it again")
        if pipe.status != 0:
            hint = "check its space, inodes and owner: df -h, df -i"
            raise ScriptFailed(self._host, f"cannot store files in `{into}`", evidence=_lines(said), hint=hint)
        if STORED.encode() not in said:
            message = f"nothing was stored in `{into}`: what was sent has been read by something else"
            raise ScriptFailed(self._host, message, evidence=_lines(said), hint=STARTUP)


class _Writer:
    """What tarfile writes to."""

    def __init__(self, pipe: Pipe, count: Callable[[int], None], pace: Pace) -> None:
        self._pipe = pipe
        self._count = count
        self._pace = pace

    def write(self, data: bytes) -> int:
        self._pace.take(len(data))
        self._pipe.send(data, STALLED)
        self._count(len(data))
        return len(data)


def is_large(source: Path) -> bool:
    """Whether it goes by itself."""
    return source.is_file() and source.stat().st_size >= PART


def _alone(sources: Sequence[Path]) -> bool:
    return len(sources) == 1 and is_large(sources[0])


def _lines(said: bytes | bytearray) -> list[str]:
    ours = (READY, LOOKING_AT_IT, STORED)
    return [line for line in said[-100_000:].decode("utf-8", "replace").splitlines() if line not in ours][-20:]


def size_of(sources: Sequence[Path]) -> int:
    """Bytes of the tar stream that holds `sources`."""
    total = 3 * tarfile.BLOCKSIZE  # the mark of completeness, and the two blocks that end an archive
    for source in sources:
        for path in (source, *(source.rglob("*") if source.is_dir() else ())):
            size = path.stat().st_size if path.is_file() else 0
            total += tarfile.BLOCKSIZE + -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
    return -(-total // _RECORD) * _RECORD


def _private(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """For the owner alone, whoever that is on the host."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode &= 0o700
    return member
