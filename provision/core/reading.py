"""Reading files without waiting for what is none: a named pipe, say, to which nobody ever writes.

What provision keeps is an ordinary file. What a person names may be a pipe as well, as in
`provision check <(make-inventory)`.
"""

from __future__ import annotations

import errno
import json
import os
import select
import shlex
import stat
from pathlib import Path
from typing import IO, Any

#: Seconds that somebody may take until they write to a named pipe.
_PATIENCE = 10.0

#: /dev/null: what a person names who means that there is nothing.
_NOTHING = os.makedev(1, 3)

_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class NotAFile(OSError):
    """Something else lies at a path than a file that can be read to its end. `hint` can be typed."""

    def __init__(self, kind: str, path: Path, *, silent: bool = False) -> None:
        said = f"{kind}, to which nobody writes" if silent else f"{kind}, expected a file"
        super().__init__(errno.EINVAL, said, str(path))
        name = shlex.quote(str(path))
        self.hint = f"mv {name} {name}.old"


def open_kept(path: Path) -> IO[bytes]:
    """What provision keeps, for reading. Raises OSError: NotAFile for what is no file, IsADirectoryError."""
    _refuse(path, path.stat())
    # Whatever has been put there meanwhile is not waited for.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        _refuse(path, os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def read_kept(path: Path) -> bytes:
    """All of it. Raises as `open_kept`."""
    with open_kept(path) as file:
        return file.read()


def open_given(path: Path) -> IO[bytes]:
    """A file that a person has named, for reading: a pipe, a terminal and /dev/null are good, too. Raises OSError:
    NotAFile for a named pipe that nobody writes to, and for what else may never end."""
    seen = path.stat()
    if stat.S_ISFIFO(seen.st_mode):
        # The pipes of a shell have no name, and somebody has begun to write to them.
        return _opened_pipe(path) if path.resolve().exists() else path.open("rb")
    if not stat.S_ISCHR(seen.st_mode):
        return open_kept(path)
    file = path.open("rb")
    if not file.isatty() and seen.st_rdev != _NOTHING:
        file.close()
        raise NotAFile("a device", path)
    return file


def read_given(path: Path, most: int = -1) -> bytes:
    """All of it, or its first bytes. Raises as `open_given`."""
    with open_given(path) as file:
        return file.read(most)


def _opened_pipe(path: Path) -> IO[bytes]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        if not poll.poll(_PATIENCE * 1000):
            raise NotAFile("a named pipe", path, silent=True)
        os.set_blocking(descriptor, True)
    except BaseException:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def as_json(data: bytes) -> Any:
    """Raises ValueError, also for what is nested deeper than anything of ours."""
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def kind_of(mode: int) -> str:
    """What lies there, with its article, by the mode that the system tells; empty for a file."""
    if stat.S_ISREG(mode):
        return ""
    return next((name for found, name in _KINDS if found(mode)), "a folder" if stat.S_ISDIR(mode) else "no file")


def _refuse(path: Path, seen: os.stat_result) -> None:
    if stat.S_ISDIR(seen.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if kind := kind_of(seen.st_mode):
        raise NotAFile(kind, path)
