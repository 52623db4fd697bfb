"""A folder on a host, and what lies below it. No link is followed there, and nothing but a plain file is opened:
whoever may write in it could put a link, a pipe or a device in the place of a file at any time."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from provision.payload.weights.manifest import Entry, entry_of
from provision.payload.weights.names import leaves
from provision.payload.weights.places import descend

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

#: Folders within each other: deeper ones are nobody's model.
_DEEPEST = 40


class Odd(Exception):
    """Something that is no plain file, or no plain path, is where a file is to be."""


class Listing(NamedTuple):
    """`odd`: what is neither a plain file nor a folder, nor has a name that a line could hold."""

    files: Mapping[str, Entry]
    odd: tuple[str, ...]


class Folder:
    """Names are paths below it."""

    def __init__(self, path: str, place: int) -> None:
        self.path, self._place = path, place

    @classmethod
    def at(cls, path: str, *, make: bool = False) -> Folder:
        """Raises UnsafePlace where somebody else can write, OSError."""
        return cls(path, descend(path, make=0o700 if make else None, last=True))

    def within(self, name: str, *, make: bool = False) -> Folder:
        """A folder below it. Raises OSError, Odd."""
        with self._parent(f"{name}/x", make=make) as place:
            return Folder(f"{self.path}/{name}", os.dup(place))

    def listing(self, below: str = "") -> Listing:
        """All files, without those that are hidden. `below`: of that folder alone, by names from there. Raises
        OSError."""
        files: dict[str, Entry] = {}
        odd: list[str] = []
        try:
            with self._parent(f"{below}/x" if below else "x") as place:
                _list(place, "", files, odd, _DEEPEST)
        except FileNotFoundError:
            pass
        return Listing(dict(sorted(files.items())), tuple(sorted(odd)))

    def entry(self, name: str) -> Entry | None:
        """None where there is nothing; raises Odd where there is no plain file."""
        try:
            with self._parent(name) as place:
                there = os.stat(name.rpartition("/")[2], dir_fd=place, follow_symlinks=False)
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(there.st_mode):
            raise Odd(f"{name} is no plain file")
        return entry_of(there)

    def open(self, name: str, flags: int = os.O_RDONLY, *, make: bool = False) -> int:
        """A descriptor. A file that is written to is ours alone: not another name of somebody's file. Raises OSError,
        Odd."""
        with self._parent(name, make=make) as place:
            # Without O_NONBLOCK a pipe that nobody writes to would be waited for.
            opened = os.open(
                name.rpartition("/")[2], flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600, dir_fd=place
            )
        there = os.fstat(opened)
        shared = flags & (os.O_WRONLY | os.O_RDWR) and (there.st_nlink != 1 or there.st_uid != os.geteuid())
        if not stat.S_ISREG(there.st_mode) or shared:
            os.close(opened)
            raise Odd(f"{name} is no plain file of ours")
        return opened

    def read(self, name: str, limit: int) -> bytes:
        """At most `limit` bytes. Raises OSError, Odd."""
        with os.fdopen(self.open(name), "rb") as file:
            return file.read(limit)

    def save(self, name: str, content: bytes) -> None:
        """Whole, or not at all. Raises OSError, Odd."""
        fresh = f"{name}.{os.getpid()}"
        self.remove(fresh)
        with os.fdopen(self.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        self.move(fresh, name, replace=True)

    def note(self, name: str) -> None:
        """An empty file, which may be there. Raises OSError, Odd."""
        if self.entry(name) is None:
            os.close(self.open(name, os.O_WRONLY | os.O_CREAT, make=True))

    def move(self, name: str, to: str, *, replace: bool) -> None:
        """Raises FileExistsError where something is there that is not to be replaced; OSError, Odd."""
        with self._parent(name) as here, self._parent(to, make=True) as there:
            old, new = name.rpartition("/")[2], to.rpartition("/")[2]
            if not replace:
                try:
                    os.link(old, new, src_dir_fd=here, dst_dir_fd=there, follow_symlinks=False)
                    os.unlink(old, dir_fd=here)
                    return
                except FileExistsError:
                    raise
                except OSError:
                    # Not every file system has hard links.
                    with contextlib.suppress(FileNotFoundError):
                        os.stat(new, dir_fd=there, follow_symlinks=False)
                        raise FileExistsError(f"{self.path}/{to}") from None
            os.rename(old, new, src_dir_fd=here, dst_dir_fd=there)

    def remove(self, name: str) -> None:
        """A file or link, if there is one. Raises OSError, Odd."""
        with contextlib.suppress(FileNotFoundError), self._parent(name) as place:
            os.unlink(name.rpartition("/")[2], dir_fd=place)

    def clear(self, name: str) -> None:
        """Removes a folder of ours with all that is in it. Raises OSError."""
        with contextlib.suppress(FileNotFoundError), self._parent(name) as place:
            _clear(place, name.rpartition("/")[2])

    def remove_empty(self, name: str) -> None:
        """A folder, if there is nothing in it. Raises Odd."""
        with contextlib.suppress(OSError), self._parent(name) as place:
            os.rmdir(name.rpartition("/")[2], dir_fd=place)

    def bytes_below(self, name: str) -> int:
        return sum(entry.size for entry in self.listing(name).files.values())

    @contextlib.contextmanager
    def _parent(self, name: str, *, make: bool = False) -> Iterator[int]:
        """The folder in which the last part of `name` lies."""
        if why := leaves(name):
            raise Odd(f"{name!r} is no name of a file: {why}")
        place = os.dup(self._place)
        try:
            for part in name.split("/")[:-1]:
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(part, 0o700, dir_fd=place)
                try:
                    following = os.open(part, _FOLDER, dir_fd=place)
                except NotADirectoryError:
                    raise Odd(f"{part} is no folder in {self.path}") from None
                os.close(place)
                place = following
            yield place
        finally:
            os.close(place)


def _list(place: int, above: str, files: dict[str, Entry], odd: list[str], deepest: int) -> None:
    with os.scandir(place) as entries:
        for found in sorted(entries, key=lambda entry: entry.name):
            if found.name.startswith("."):
                continue
            name = f"{above}{found.name}"
            if "\n" in name:
                odd.append(name)
            elif found.is_dir(follow_symlinks=False):
                if not deepest:
                    odd.append(name)
                    continue
                with contextlib.suppress(FileNotFoundError):
                    inner = os.open(found.name, _FOLDER, dir_fd=place)
                    try:
                        _list(inner, f"{name}/", files, odd, deepest - 1)
                    finally:
                        os.close(inner)
            elif found.is_file(follow_symlinks=False):
                with contextlib.suppress(FileNotFoundError):
                    files[name] = entry_of(os.stat(found.name, dir_fd=place, follow_symlinks=False))
            else:
                odd.append(name)


def _clear(place: int, name: str) -> None:
    try:
        inner = os.open(name, _FOLDER, dir_fd=place)
    except NotADirectoryError:
        os.unlink(name, dir_fd=place)
        return
    try:
        with os.scandir(inner) as entries:
            names = [entry.name for entry in entries]
        for below in names:
            _clear(inner, below)
    finally:
        os.close(inner)
    os.rmdir(name, dir_fd=place)
