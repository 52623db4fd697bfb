"""Archives that somebody else has made, read without believing what they say of themselves: what is unpacked is
counted, and nothing is taken into memory whole because a header says how long it is."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Iterator
from typing import IO

from provision.core.wording import size

#: What may be read at once, or of one file: tarfile reads a header as long as the header says, whatever that is.
MOST_AT_ONCE = 16 << 20

#: What all layers may unpack to: so much, and so many times what the file has. Those of vLLM's image unpack to 2 to 3
#: times their size; gzip makes up to a thousand times as much of nothing.
FREE, TIMES = 1 << 30, 20

#: What reading something broken ends with, beside LockError.
BROKEN = (OSError, EOFError, zlib.error, tarfile.TarError, KeyError, ValueError, OverflowError, RecursionError)

#: The sum of one is wrong, or a size is negative; the file ends within one.
_NO_HEADER = (tarfile.InvalidHeaderError, tarfile.TruncatedHeaderError)  # type: ignore[attr-defined]

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


class TooMuch(ValueError):
    """More than a file of its size should hold."""


class Budget:
    """What may be unpacked yet, of a file of so many bytes."""

    def __init__(self, file: int) -> None:
        self.whole = self._left = FREE + TIMES * file

    def take(self, amount: int) -> None:
        self._left -= amount
        if self._left < 0:
            raise TooMuch(f"it unpacks to more than {size(self.whole)}, expected at most {TIMES} times its own size")


class Reader:
    """A file as tarfile reads one. With a budget, it can only be read forward, and all of it counts."""

    def __init__(self, file: IO[bytes], budget: Budget | None = None) -> None:
        self._file, self._budget = file, budget

    def read(self, amount: int = -1) -> bytes:
        if amount > MOST_AT_ONCE:
            raise TooMuch(f"a header in it is {size(amount)} long, expected at most {size(MOST_AT_ONCE)}")
        data = self._file.read(amount if amount >= 0 else MOST_AT_ONCE)
        if self._budget is not None:
            self._budget.take(len(data))
        return data

    def seek(self, place: int) -> int:
        if self._budget is None:
            return self._file.seek(place)
        left = place - self._file.tell()
        if left < 0:
            # Older Pythons go round in circles where a header has a negative size.
            raise tarfile.ReadError("an entry begins before the one in front of it")
        while left > 0 and (data := self.read(min(left, MOST_AT_ONCE))):
            left -= len(data)
        return self._file.tell()

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True


class _Header(tarfile.TarInfo):
    """tarfile takes all that is no header for the end, and what stands before it for the whole archive."""

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> _Header:
        try:
            return super().fromtarfile(tar)
        except _NO_HEADER as error:
            raise tarfile.ReadError(str(error)) from None


def opened(file: IO[bytes]) -> tarfile.TarFile:
    """One that is not compressed. Raises one of BROKEN."""
    start = file.read(4)
    file.seek(0)
    if start.startswith(_GZIP) or start == _ZSTD:
        raise tarfile.ReadError("it is compressed, expected a file as `docker save` writes it")
    return tarfile.open(fileobj=Reader(file), mode="r:", tarinfo=_Header)  # type: ignore[call-overload,no-any-return]


def names_of(layer: IO[bytes], budget: Budget) -> Iterator[str]:
    """Of all that a layer holds. Raises one of BROKEN."""
    start = layer.read(4)
    layer.seek(0)
    if start == _ZSTD:
        raise tarfile.ReadError("a layer is compressed by zstd, which is not read here, expected gzip or none")
    packed = start.startswith(_GZIP)
    reader = Reader(gzip.GzipFile(fileobj=layer), budget) if packed else Reader(layer)  # type: ignore[arg-type]
    with tarfile.open(fileobj=reader, mode="r:", tarinfo=_Header) as inner:  # type: ignore[call-overload]
        while (entry := inner.next()) is not None:
            # It keeps all that it has seen.
            inner.members = []
            yield entry.name


def content(archive: tarfile.TarFile, name: str) -> bytes:
    """Of a small file. Raises one of BROKEN."""
    return member(archive, name).read(MOST_AT_ONCE)


def member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    found = archive.extractfile(name)
    if found is None:
        raise KeyError(name)
    return found
