"""One file of an environment: read without a trace, compared with a hash, removed whatever it is by now."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator, Sequence


def open_file(path: str) -> int:
    # Not blocking: a pipe in the place of a file would have us wait for a writer.
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        # Not even the time of its last reading changes; for that it must be ours.
        return os.open(path, flags | os.O_NOATIME)
    except PermissionError:
        return os.open(path, flags)


def chunks(path: str) -> Iterator[bytes]:
    with open(open_file(path), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError("no file")
        yield from iter(lambda: file.read(1 << 20), b"")


def read(path: str) -> bytes:
    return b"".join(chunks(path))


def readers() -> int:
    """Bits of a mode, for 1: whom an environment is for. Root's is for whoever logged in, too."""
    return 0o111 if os.geteuid() == 0 else 0o100


def rights(path: str) -> str:
    """What is wrong with who may do what with a file or folder; empty for nothing, and for what is not there."""
    try:
        there = os.lstat(path)
    except OSError:
        return ""
    needed = readers() * (5 if stat.S_ISDIR(there.st_mode) else 4)
    if there.st_mode & needed != needed:
        return "unreadable"
    exposed = there.st_mode & stat.S_IWOTH or there.st_uid not in (0, os.geteuid())
    return "others can write to it" if exposed and not stat.S_ISLNK(there.st_mode) else ""


def plain(path: str) -> bool:
    """Whether it is a file that whoever the environment is for can read. Raises OSError."""
    mode = os.lstat(path).st_mode
    return stat.S_ISREG(mode) and mode & (readers() * 4) == readers() * 4


def link(path: str) -> str:
    """Where it leads; empty where it is no link."""
    return os.readlink(path) if os.path.islink(path) else ""


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def digest(path: str) -> str:
    """Its sha256, of whatever size it is."""
    found = hashlib.sha256()
    for chunk in chunks(path):
        found.update(chunk)
    return found.hexdigest()


def as_listed(raw: bytes) -> str:
    """A digest as a RECORD has it."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def fault(path: str, listed: Sequence[tuple[str, str, str]]) -> str:
    """What is wrong with a file that should be as one of `listed`: hash, digest and size."""
    try:
        there = os.lstat(path)
        if not stat.S_ISREG(there.st_mode):
            return "a link" if stat.S_ISLNK(there.st_mode) else "no file"
        fitting = [(kind, digest) for kind, digest, size in listed if not size or int(size) == there.st_size]
        if not fitting:
            return "edited"
        sums = {kind: hashlib.new(kind) for kind, _ in fitting}
        for chunk in chunks(path):
            for one in sums.values():
                one.update(chunk)
    except (FileNotFoundError, NotADirectoryError):
        return "missing"
    except OSError:
        return "unreadable"
    for kind, digest in fitting:
        if as_listed(sums[kind].digest()) == digest:
            return ""
    return "edited"


def remove(path: str) -> None:
    """Whatever it is. A folder that its owner may not write to is made one."""
    try:
        if os.path.isdir(path) and not os.path.islink(path):
            for folder, _, _ in os.walk(path):
                os.chmod(folder, 0o700)
            shutil.rmtree(path)
        else:
            os.unlink(path)
    except PermissionError:
        os.chmod(os.path.dirname(path), 0o700)
        os.unlink(path)
    except (FileNotFoundError, NotADirectoryError):
        pass
