"""What a folder of files holds: names, sizes and hashes, kept in a file so that the next look is one stat per file.

The controller uses this very file as well: both sides list, hash and write alike. A manifest is text:

    provision-weights 2
    digest=<sha256 over the lines "sha256 size name" of all files>
    …further `key=value` lines, then an empty one…
    <sha256> <size> <mtime> <name>

Hidden files and folders are no part of a model. In a folder that is only read, links are followed: a snapshot of the
hub's cache is a folder of links.

Whoever can write where a manifest lies could write anything into it, so whatever is no line of a manifest is left out,
and names that lead out of the folder with it.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from provision.payload.weights.names import leaves

FORMAT = "provision-weights 2"

#: Before provision noted which files it had written itself: in a folder of ours, all of them.
OLDER = "provision-weights 1"

#: Bytes of a manifest that are read, and files in it: a repository has some thousands at most.
LONGEST, MOST = 64 << 20, 200_000

_LINE = re.compile(r"([0-9a-f]{64}|) ([0-9]{1,18}) (-?[0-9]{1,18}\.[0-9]{1,12}) (.+)\Z", re.ASCII)
_ABOUT = re.compile(r"([a-z]{1,20})=([^\x00-\x1f\x7f]{0,1000})\Z")

#: Bytes read at once. hashlib lets other threads run meanwhile.
BLOCK = 1 << 22

#: Files that are read at the same time: one SSD is busy with four readers.
READERS = 4


class Entry(NamedTuple):
    """`mtime`: seconds with ten decimals, as `find -printf %T@` writes it. `sha256` is empty where nobody has read
    the file."""

    size: int
    mtime: str
    sha256: str = ""


def entry_of(there: os.stat_result) -> Entry:
    seconds, rest = divmod(there.st_mtime_ns, 10**9)
    return Entry(there.st_size, f"{seconds}.{rest:09d}0")


def listing(folder: Path) -> dict[str, Entry]:
    """Every file below `folder`, by its path from there; links are followed. Raises OSError; ValueError for a name that
    no line holds."""
    found: dict[str, Entry] = {}
    seen: set[Path] = set()
    for place, inner, files in os.walk(folder, followlinks=True, onerror=_fail):
        # A link to a folder above would never end.
        real = Path(place).resolve()
        inner[:] = [] if real in seen else sorted(name for name in inner if not name.startswith("."))
        seen.add(real)
        for path in (Path(place, name) for name in files if not name.startswith(".")):
            if not path.is_file():
                continue
            name = str(path.relative_to(folder))
            if "\n" in name:
                raise ValueError(f"a file's name holds a newline: {name!r}")
            found[name] = entry_of(path.stat())
    return dict(sorted(found.items()))


def follow(folder: Path) -> Callable[[str], int]:
    """Opens files below `folder`, links followed. Raises OSError, also for what is no file by then."""

    def opened(name: str) -> int:
        # Without O_NONBLOCK a pipe that nobody writes to would be waited for.
        found = os.open(folder / name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(found).st_mode):
            os.close(found)
            raise OSError(f"{folder / name} is no file")
        return found

    return opened


def hashed(
    opened: Callable[[str], int],
    files: Mapping[str, Entry],
    known: Mapping[str, Entry],
    say: Callable[[int, int], None],
) -> dict[str, Entry]:
    """`files` with their hashes; those that are as `known` has them are not read. `opened(name)`: a descriptor.
    `say(done, total)`: bytes, from several threads. Raises OSError."""
    result = dict(files)
    unread = []
    for name, entry in files.items():
        before = known.get(name)
        if before is not None and before.sha256 and before[:2] == entry[:2]:
            result[name] = before
        else:
            unread.append(name)
    total, done, lock = sum(files[name].size for name in unread), 0, threading.Lock()

    def count(size: int) -> None:
        nonlocal done
        with lock:
            done += size
            say(done, total)

    def read(name: str) -> tuple[str, str]:
        return name, sha256_of(opened(name), count)

    with ThreadPoolExecutor(max_workers=READERS) as pool:
        # The largest first, so that the last one is not alone at the end.
        for name, digest in pool.map(read, sorted(unread, key=lambda name: -files[name].size)):
            result[name] = files[name]._replace(sha256=digest)
    return result


def sha256_of(opened: int, count: Callable[[int], None]) -> str:
    """Of all that a descriptor holds, which is closed."""
    digest = hashlib.sha256()
    with os.fdopen(opened, "rb", buffering=0) as file:
        while chunk := file.read(BLOCK):
            digest.update(chunk)
            count(len(chunk))
    return digest.hexdigest()


def digest_of(files: Mapping[str, Entry]) -> str:
    """Of contents alone: equal wherever the same files lie."""
    lines = "".join(f"{entry.sha256} {entry.size} {name}\n" for name, entry in sorted(files.items()))
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def stamp_of(files: Mapping[str, Entry]) -> str:
    """Of names, sizes and times: another one means that somebody may have written."""
    lines = "".join(f"{entry.size} {entry.mtime} {name}\n" for name, entry in sorted(files.items()))
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def written(files: Mapping[str, Entry], about: Mapping[str, str]) -> str:
    """The text of a manifest."""
    head = {"digest": digest_of(files), "bytes": str(sum(e.size for e in files.values())), "files": str(len(files))}
    return text_of(FORMAT, {**head, **about}, files)


def text_of(first: str, about: Mapping[str, str], files: Mapping[str, Entry]) -> str:
    lines = [first, *(f"{key}={value}" for key, value in about.items()), ""]
    lines += [f"{e.sha256} {e.size} {e.mtime} {name}" for name, e in sorted(files.items())]
    return "\n".join(lines) + "\n"


def parsed(text: str, formats: Sequence[str] = (FORMAT, OLDER)) -> tuple[dict[str, str], dict[str, Entry]]:
    """What a manifest says of itself, and its files; nothing of what is no manifest."""
    head, _, body = text[:LONGEST].partition("\n\n")
    first, *about = head.split("\n")[:100]
    if first not in formats:
        return {}, {}
    files: dict[str, Entry] = {}
    for line in body.split("\n")[: MOST + 1]:
        found = _LINE.match(line)
        if found and not leaves(found[4]):
            files[found[4]] = Entry(int(found[2]), found[3], found[1])
    return {found[1]: found[2] for found in map(_ABOUT.match, about) if found}, files


def load(path: Path) -> tuple[dict[str, str], dict[str, Entry]]:
    """As `parsed`, of a file; nothing if there is none."""
    try:
        with os.fdopen(follow(path.parent)(path.name), "rb") as file:
            return parsed(file.read(LONGEST).decode("utf-8", "surrogateescape"))
    except OSError:
        return {}, {}


def save(path: Path, text: str) -> None:
    """Whole, or not at all. Raises OSError."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_text(text, "utf-8", "surrogateescape")
    fresh.replace(path)


def _fail(error: OSError) -> None:
    raise error
