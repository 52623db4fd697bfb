"""The files of a relay on one host, as far as they are there. A block counts once its hash was what the controller
says."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import threading
from collections.abc import Callable, Sequence

from provision.payload.relay.wire import BLOCK, blocks, length_of, part_name

#: What is said of a file that somebody has written to.
CHANGED = "is not the file that it was"


class FilePart:
    """One file, open. `hashes`: of its first blocks, as far as they are known; `good`: how many of its blocks are
    there, and checked; `there`: how many were there before, and may be."""

    def __init__(self, opened: int, size: int, remove: Callable[[], None]) -> None:
        self.size, self.count = size, blocks(size)
        self.hashes: list[bytes] = []
        self.good = 0
        self._file, self._remove = opened, remove
        have = os.fstat(self._file).st_size
        # What is behind the last whole block was cut off in the middle of being written.
        self.there = self.count if have == size else 0 if have > size else have // BLOCK

    @classmethod
    def named(cls, name: str, size: int, mtime: int) -> FilePart:
        """In the folder where we are, as an upload leaves it that breaks off."""
        if "/" in name or name in ("", ".", ".."):
            raise ValueError(f"{name!r} is no name of a file")
        path = part_name(size, mtime, name)
        return cls(_opened(path), size, lambda: os.unlink(path))

    def read(self, block: int) -> bytes:
        """Shorter than the block if the file is."""
        data, wanted = [], length_of(self.size, block)
        at = block * BLOCK
        while wanted:
            some = os.pread(self._file, wanted, at)
            if not some:
                break
            data.append(some)
            at += len(some)
            wanted -= len(some)
        return b"".join(data)

    def write(self, block: int, data: bytes | bytearray) -> None:
        """Raises OSError; of a disk that is full nothing stays taken."""
        try:
            rest, at = memoryview(data), block * BLOCK
            os.ftruncate(self._file, at)
            while rest:
                done = os.pwrite(self._file, rest, at)
                rest, at = rest[done:], at + done
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                os.ftruncate(self._file, 0)
                self._remove()
            raise

    def cut(self, block: int) -> None:
        """What is there from this block on is not of the file."""
        os.ftruncate(self._file, block * BLOCK)

    def passed_on(self, block: int) -> bytes:
        """As it was checked."""
        return self.read(block)

    @staticmethod
    def digest(data: bytes | bytearray) -> bytes:
        return hashlib.sha256(data).digest()

    def fits(self, block: int, data: bytes | bytearray) -> bool:
        return self.digest(data) == self.hashes[block]


class StandingFile(FilePart):
    """One that is whole, and in its place, where it is read alone. It is checked block by block as it is passed on:
    most of it may be asked for by nobody."""

    def __init__(self, name: str, size: int) -> None:
        """`name`: from the folder where we are. Raises OSError."""
        opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        about = os.fstat(opened)
        if not stat.S_ISREG(about.st_mode) or about.st_size != size:
            os.close(opened)
            raise OSError(errno.ESTALE, CHANGED, name)
        super().__init__(opened, size, lambda: None)
        self.name = name

    def passed_on(self, block: int) -> bytes:
        """Raises Changed."""
        data = self.read(block)
        if not self.fits(block, data):
            raise Changed(f"{CHANGED}: {self.name}")
        return data


class Changed(Exception):
    """What is here is not what it was taken for."""


class Parts:
    """All of them, for several threads."""

    def __init__(self, files: Sequence[FilePart]) -> None:
        self.files = files
        self._changed = threading.Condition()

    def told(self, file: int, block: int, digest: bytes) -> None:
        """Raises ValueError for a block that is not the next one."""
        part = self.files[file]
        with self._changed:
            if block != len(part.hashes) or block >= part.count:
                raise ValueError(f"block {block} of file {file} is not the next one")
            part.hashes.append(digest)
            self._changed.notify_all()

    def expected(self, file: int, block: int) -> None:
        """Waits until its hash is known."""
        with self._changed:
            self._changed.wait_for(lambda: len(self.files[file].hashes) > block)

    def keep(self, file: int, block: int) -> None:
        """It is there, and was checked."""
        with self._changed:
            self.files[file].good = block + 1
            self._changed.notify_all()

    def ready(self, file: int, block: int, seconds: float) -> bool:
        """Whether it can be passed on, by then."""
        with self._changed:
            return self._changed.wait_for(lambda: self.files[file].good > block, seconds)

    @property
    def bytes(self) -> int:
        return sum(min(part.good * BLOCK, part.size) for part in self.files)


def _opened(path: str) -> int:
    """For us alone; no link is followed, and what is not ours is not used."""
    found = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    about = os.fstat(found)
    if not stat.S_ISREG(about.st_mode) or about.st_uid != os.geteuid() or about.st_nlink != 1:
        os.close(found)
        raise OSError(errno.EPERM, "is not a file of ours", path)
    os.fchmod(found, 0o600)
    return found
