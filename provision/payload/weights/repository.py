"""What a hub says of a repository, judged: nothing of it is believed but names that stay inside, sizes, and hashes."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from provision.payload.weights.manifest import BLOCK, MOST
from provision.payload.weights.names import clashes, fault, leaves
from provision.payload.weights.selection import needed, only_pickles

_SHA1, _SHA256 = re.compile(r"[0-9a-f]{40}\Z"), re.compile(r"[0-9a-f]{64}\Z")

#: Bytes of a file that the hub does not store as a large one, and names by git's own hash: those over 10 MB it takes
#: only as large ones. A mirror may have other ideas, but not without end.
LARGEST = 1 << 50


class Unfit(Exception):
    """What the hub says is not used. `lines`: why, the kind of it first."""

    def __init__(self, *lines: str) -> None:
        super().__init__(lines[0])
        self.lines = lines


class Wanted(NamedTuple):
    """A file of the repository. One of the two hashes is empty: `sha256` of its content, or `blob`, git's."""

    size: int
    sha256: str
    blob: str

    def is_like(self, size: int, sha256: str, blob: Callable[[], str]) -> bool:
        """`blob`: works out git's hash, which is asked for only where there is no other."""
        if size != self.size:
            return False
        return sha256 == self.sha256 if self.sha256 else blob() == self.blob


def wanted(repo: str, siblings: Iterable[Any], *, pickles: bool, code: bool) -> dict[str, Wanted]:
    """The files to load. Raises Unfit."""
    files: dict[str, Any] = {}
    for file in siblings:
        name = getattr(file, "rfilename", None)
        if not isinstance(name, str) or len(files) >= MOST:
            raise Unfit(f"bad names: what the hub says of {repo} is no list of files")
        files[name] = file
    bad = {name: leaves(name) for name in files}
    # What is not loaded may be called as it likes, as long as it is a path at all.
    names = needed(files, pickles=pickles, code=code)
    bad |= {name: fault(name) for name in names}
    if told := [f"{name!r}: {why}" for name, why in sorted(bad.items()) if why]:
        raise Unfit(f"bad names: {repo} has files that may not be called so", *told[:10])
    if told := [f"{one!r} and {other!r}" for one, other in clashes(names)]:
        raise Unfit(f"bad names: {repo} has files that cannot lie in one folder everywhere", *told[:10])
    if not pickles and (found := only_pickles(files)):
        raise Unfit(
            f"pickles: {repo} has its weights only as pickles, which can run code when they are loaded", *found[:10]
        )
    result = {name: _of(files[name]) for name in names}
    if without := [name for name, file in result.items() if not (file.sha256 or file.blob)]:
        raise Unfit(
            f"no hash: the hub names none for these files of {repo}, so nobody could tell what comes", *without[:10]
        )
    return result


def commit_of(repo: str, said: object) -> str:
    """Raises Unfit for what is no commit: it becomes part of paths and addresses."""
    if not isinstance(said, str) or not (_SHA1.match(said) or _SHA256.match(said)):
        raise Unfit(f"bad names: the commit that the hub names for {repo} is none", repr(said)[:100])
    return said


def blob_of(opened: int, size: int) -> str:
    """Git's hash of a file of `size` bytes, whose descriptor is closed."""
    digest = hashlib.sha1(b"blob %d\0" % size)
    with os.fdopen(opened, "rb", buffering=0) as file:
        while chunk := file.read(BLOCK):
            digest.update(chunk)
    return digest.hexdigest()


def _of(file: Any) -> Wanted:
    size, large = getattr(file, "size", None), getattr(file, "lfs", None)
    sha256 = str(getattr(large, "sha256", None) or "").lower()
    blob = "" if large else str(getattr(file, "blob_id", None) or "").lower()
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= LARGEST:
        raise Unfit(f"bad names: the hub says no size of {file.rfilename!r}")
    return Wanted(size, sha256 if _SHA256.match(sha256) else "", blob if _SHA1.match(blob) else "")
