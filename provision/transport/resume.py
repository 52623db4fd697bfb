"""A large file that goes on where an earlier transfer of it broke off.

The host says how much of it is there, with the digest of that; only what is the beginning of the same file is left out.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from provision.core.regex import regex
from provision.transport.leash import AT
from provision.transport.pipe import Pipe

#: For a host to read what it has of a file of hundreds of gigabytes (seconds).
LOOKING = 1800.0

_BLOCK = 1 << 20
_SAID = regex(rb"^" + AT.encode() + rb" (\d+) ?([0-9a-f]{64})?\r?\n", re.MULTILINE)


def line_of(source: Path) -> str:
    """What the host is told of it; empty for a name that no line can hold."""
    about = source.stat()
    name = source.name
    if name != name.strip() or not name.isprintable() or len(name.encode()) > 180:
        return ""
    return f"{about.st_size} {int(about.st_mtime)} {about.st_mode & 0o700:o} {name}"


def send_rest(source: Path, begun: int, total: int, send: Callable[[bytes], object]) -> None:
    """From byte `begun` up to `total`, as the file was when it was announced. Raises OSError, and what `send` does."""
    with source.open("rb") as file:
        file.seek(begun)
        left = total - begun
        while left:
            block = file.read(min(_BLOCK, left))
            if not block:
                raise OSError(f"`{source}` has become shorter")
            left -= len(block)
            send(block)


def begun_there(
    pipe: Pipe, source: Path, heard: Callable[[bytes], None], until: Callable[[float, bytearray], None]
) -> int:
    """How many bytes of `source` the host has; -1: it ended before it said so. `heard`: everything that it says;
    `until`: called with how long that has taken, and all of it, from time to time, and raises to give up."""
    said, began, seen = bytearray(), time.monotonic(), 0
    while (found := _SAID.search(said, seen)) is None:
        seen = max(seen, said.rfind(b"\n") + 1)
        if pipe.over:
            return -1
        out, err = pipe.read(0.2)
        heard(out + err)
        said += out
        until(time.monotonic() - began, said)
    size, digest = int(found[1]), (found[2] or b"").decode()
    return size if digest and _DIGESTS.of(source, size) == digest else 0


class _Digests:
    """Of the beginnings of files, each computed once: as many hosts as have the same of a file ask for it together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[object, ...], Future[str]] = {}

    def of(self, source: Path, size: int) -> str:
        """Of its first bytes; empty if it has not as many. Raises OSError."""
        about = source.stat()
        key = (about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns, size)
        with self._lock:
            mine = key not in self._known
            found = self._known.setdefault(key, Future())
        if mine:
            try:
                found.set_result(_digest(source, size))
            except BaseException as error:
                with self._lock:
                    del self._known[key]
                found.set_exception(error)
        return found.result()


_DIGESTS = _Digests()


def _digest(source: Path, size: int) -> str:
    digest = hashlib.sha256()
    with source.open("rb") as file:
        while size and (block := file.read(min(_BLOCK, size))):
            digest.update(block)
            size -= len(block)
    return "" if size else digest.hexdigest()
