"""What a file holds, as text: packed or not, an archive of several, in whatever encoding it was saved."""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

#: Bytes of a file's end that are read: what ended a program stands there.
LONGEST = 16 * 1024 * 1024

#: Told by how the file begins; its name may say anything.
_PACKED: tuple[tuple[bytes, Callable[[Any, Any], Any]], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\0", lzma.open),
)


def contents(file: Path) -> Iterator[tuple[str, str]]:
    """The name of each file inside, empty where there is no archive, and the end of its text."""
    if file.is_file() and _is_archive(file):
        try:
            with tarfile.open(file) as archive:
                for member in archive:
                    if member.isfile() and (inside := archive.extractfile(member)) is not None:
                        yield member.name.removeprefix("./"), text_of(inside)
        except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError):
            return  # cut off: what was whole until there
        return
    with file.open("rb") as plain:
        yield "", text_of(plain)


def _is_archive(file: Path) -> bool:
    try:
        return tarfile.is_tarfile(file)
    except (EOFError, zlib.error, lzma.LZMAError):
        return False


def text_of(stream: IO[bytes]) -> str:
    """The end of a stream, unpacked as far as it goes; any bytes are text."""
    head, end, length = b"", b"", 0
    for piece in _pieces(stream):
        head, length = head or piece[:4], length + len(piece)
        end = (end + piece)[-LONGEST:]
    return _decoded(head, end[length % 2 :] if length > LONGEST else end)


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    first = stream.read(1 << 16)
    opener = next((opener for magic, opener in _PACKED if first.startswith(magic)), None)
    if opener is None:
        yield first
        if stream.seekable():
            at = stream.tell()
            length = stream.seek(0, 2)
            stream.seek(max(at, (length - LONGEST) // 2 * 2))
        yield from iter(lambda: stream.read(1 << 20), b"")
        return
    try:
        with opener(_Again(first, stream), "rb") as packed:
            yield from iter(lambda: packed.read1(1 << 16), b"")
    except (EOFError, OSError, zlib.error, lzma.LZMAError):
        return  # cut off, as a log that is still written: what came until there


class _Again:
    """A stream whose beginning was read, from its beginning. It cannot be wound back."""

    def __init__(self, first: bytes, rest: IO[bytes]) -> None:
        self._first, self._rest = first, rest

    def read(self, size: int = -1) -> bytes:
        if not self._first:
            return self._rest.read(size)
        taken, self._first = (self._first, b"") if size < 0 else (self._first[:size], self._first[size:])
        return taken + (self._rest.read() if size < 0 else b"")

    def seekable(self) -> bool:
        return False


def _decoded(head: bytes, end: bytes) -> str:
    for mark, name in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if head.startswith(mark) and end[:256].count(0) * 4 > len(end[:256]):
            return end.decode(name, "replace").removeprefix("\ufeff")
    odd = end[1:64:2]
    if len(odd) >= 4 and end[:64:2].count(0) == 0 and odd.count(0) * 2 > len(odd):
        return end.decode("utf-16-le", "replace")
    return end.replace(b"\0", b"").decode("utf-8", "replace").removeprefix("\ufeff")
