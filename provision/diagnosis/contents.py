"""What a file holds, as text: packed or not, an archive of several, in whatever encoding it was saved."""

from __future__ import annotations

import bz2
import codecs
import contextlib
import errno
import gzip
import lzma
import shlex
import tarfile
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, cast

from provision.core.reading import open_given
from provision.core.visible import visible

#: Bytes of a file's end that are read: what ended a program stands there.
LONGEST = 16 * 1024 * 1024

#: What is made of a file of a few megabytes that somebody has sent: bytes that are unpacked, bytes of logs that are
#: kept, and entries of an archive.
_UNPACKED, _KEPT, _ENTRIES = 16 << 30, 256 << 20, 50_000

# Of an archive that was cut off, or was made to look like one.
_DAMAGED = (tarfile.TarError, EOFError, ValueError, OverflowError, zlib.error, lzma.LZMAError)

#: How a zip begins; and what is in it may be packed.
_ZIP, _UNZIPPED = b"PK\3\4", (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)

#: Told by how the file begins; its name may say anything.
_PACKED: tuple[tuple[bytes, Callable[[Any, Any], Any]], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\0", lzma.open),
)

#: What is not read here, by how it begins: what it is, and what makes text of it.
_NOT_READ: tuple[tuple[bytes, str, str], ...] = (
    (b"\x28\xb5\x2f\xfd", "is packed with zstd", "zstd -dc {} > {}.log"),
    (b"\x04\x22\x4d\x18", "is packed with lz4", "lz4 -dc {} > {}.log"),
    (b"\x1f\x9d", "is packed with compress", "zcat {} > {}.log"),
    (b"7z\xbc\xaf\x27\x1c", "is packed with 7-Zip", "7z x {}"),
    (b"Rar!\x1a\x07", "is packed with RAR", "unrar x {}"),
    (b"LPKSHHRH", "is a journal as systemd keeps it", "journalctl --file {} > {}.log"),
)


class NotText(OSError):
    """What is there is no text, nor packed as one is unpacked here. `command`: what makes one of a file `{}`."""

    def __init__(self, what: str, command: str) -> None:
        super().__init__(errno.EINVAL, what)
        self.command = command

    def hint(self, file: str) -> str:
        return f"make text of it first: `{self.command.replace('{}', shlex.quote(file))}`"


def contents(file: Path) -> Iterator[tuple[str, str]]:
    """The name of each file inside, empty where there is no archive, and the end of its text. Raises OSError, also for
    what unpacks to more than it could be worth."""
    if file.is_file():
        with file.open("rb") as packed:
            if packed.read(len(_ZIP)) == _ZIP:
                yield from _bounded(_zipped(packed))
                return
        with file.open("rb") as packed, _opener(packed)(packed, "rb") as plain:
            if (archive := _archive(plain)) is not None:
                yield from _bounded(_inside(archive))
                return
    with open_given(file) as plain:
        yield "", text_of(plain)


def _archive(plain: IO[bytes]) -> tarfile.TarFile | None:
    try:
        return tarfile.open(fileobj=cast("IO[bytes]", _Measured(plain)), mode="r:")
    except (*_DAMAGED, OSError):
        return None


def _inside(archive: tarfile.TarFile) -> Iterator[tuple[str, str] | None]:
    """None for an entry that is no file."""
    try:
        for member in archive:
            if member.size < 0:
                return
            inside = archive.extractfile(member) if member.isfile() else None
            yield None if inside is None else _named(member.name.removeprefix("./"), inside)
    except _DAMAGED:
        return  # cut off: what was whole until there


def _zipped(packed: IO[bytes]) -> Iterator[tuple[str, str] | None]:
    """As `_inside`. What is encrypted, or packed in a way of its own, is no text either."""
    try:
        with zipfile.ZipFile(packed) as archive:
            if sum(member.file_size for member in archive.infolist()) > _UNPACKED:
                raise _bomb()
            for member in archive.infolist():
                if member.is_dir() or member.flag_bits & 1 or member.compress_type not in _UNZIPPED:
                    yield None
                    continue
                with archive.open(member) as inside:
                    yield _named(member.filename, inside)
    except (*_DAMAGED, zipfile.BadZipFile, NotImplementedError):
        return


def _named(name: str, inside: IO[bytes]) -> tuple[str, str]:
    try:
        return name, text_of(inside)
    except NotText as error:
        command = error.command.replace("{}", shlex.quote(visible(name)))
        raise NotText(f"has `{visible(name)}` in it, which {error.strerror}", command) from None


def _bounded(entries: Iterator[tuple[str, str] | None]) -> Iterator[tuple[str, str]]:
    kept = 0
    for number, entry in enumerate(entries):
        if number == _ENTRIES:
            raise OSError(errno.EFBIG, f"has more than {_ENTRIES} entries: name a part of it")
        if entry is not None:
            kept += len(entry[1])
            if kept > _KEPT:
                raise OSError(errno.EFBIG, f"holds more than {_KEPT >> 20} MiB of logs: name a part of it")
            yield entry


class _Measured:
    """A stream for tarfile, which has whatever a header calls its length read at once."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= LONGEST:
            raise tarfile.ReadError("no archive has such a header")
        return self._stream.read(size)

    def seek(self, to: int, whence: int = 0) -> int:
        if to < 0:
            raise tarfile.ReadError("no archive has such a header")
        if to > _UNPACKED:
            raise _bomb()
        return self._stream.seek(to, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def seekable(self) -> bool:
        return True


def text_of(stream: IO[bytes]) -> str:
    """The end of a stream, unpacked as far as it goes; any bytes are text. Raises OSError for one without end."""
    head, length, held = b"", 0, 0
    end: deque[bytes] = deque()
    for piece in _pieces(stream):
        head, length, held = head or piece[:4], length + len(piece), held + len(piece)
        end.append(piece)
        while held - len(end[0]) >= LONGEST:
            held -= len(end.popleft())
    last = b"".join(end)[-LONGEST:]
    return _decoded(head, last[length % 2 :] if length > LONGEST else last)


def _opener(stream: IO[bytes]) -> Callable[[Any, Any], Any]:
    """Leaves the stream at its beginning."""
    first = stream.read(max(len(magic) for magic, _ in _PACKED))
    stream.seek(0)
    return _unpacking(first) or (lambda plain, _: contextlib.nullcontext(plain))


def _unpacking(first: bytes) -> Callable[[Any, Any], Any] | None:
    """Raises NotText."""
    for magic, what, command in _NOT_READ:
        if first.startswith(magic):
            raise NotText(what, command)
    return next((opener for magic, opener in _PACKED if first.startswith(magic)), None)


def _bomb() -> OSError:
    return OSError(errno.EFBIG, f"unpacks to more than {_UNPACKED >> 30} GiB: name a part of it")


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    first = stream.read(1 << 16)
    opener = _unpacking(first)
    if opener is None:
        yield first
        if stream.seekable():
            at = stream.tell()
            length = stream.seek(0, 2)
            stream.seek(max(at, (length - LONGEST) // 2 * 2))
        yield from iter(lambda: stream.read(1 << 20), b"")
        return
    unpacked = 0
    with opener(_Again(first, stream), "rb") as packed:
        while piece := _next(packed):
            unpacked += len(piece)
            if unpacked > _UNPACKED:
                raise _bomb()
            yield piece


def _next(packed: Any) -> bytes:
    try:
        return bytes(packed.read1(1 << 16))
    except (OSError, *_DAMAGED):
        return b""  # cut off, as a log that is still written: what came until there


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
