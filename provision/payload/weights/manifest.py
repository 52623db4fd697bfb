"""What a folder of files holds: names, sizes and hashes, kept in a file so that the next look is one stat per file.

The controller uses this very file as well: both sides list, hash and write alike. A manifest is text:

    provision-weights 1
    digest=<sha256 over the lines "sha256 size name" of all files>
    …further `key=value` lines, then an empty one…
    <sha256> <size> <mtime> <name>

Hidden files and folders are no part of a model. Links are followed: a snapshot of the hub's cache is a folder of links.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

FORMAT = "provision-weights 1"

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


def listing(folder: Path) -> dict[str, Entry]:
    """Every file below `folder`, by its path from there. Raises OSError; ValueError for a name that no line holds."""
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
            there = path.stat()
            seconds, rest = divmod(there.st_mtime_ns, 10**9)
            found[name] = Entry(there.st_size, f"{seconds}.{rest:09d}0")
    return dict(sorted(found.items()))


def hashed(
    folder: Path, files: Mapping[str, Entry], known: Mapping[str, Entry], say: Callable[[int, int], None]
) -> dict[str, Entry]:
    """`files` with their hashes; those that are as `known` has them are not read. `say(done, total)`: bytes, from
    several threads. Raises OSError."""
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
        return name, sha256_of(folder / name, count)

    with ThreadPoolExecutor(max_workers=READERS) as pool:
        # The largest first, so that the last one is not alone at the end.
        for name, digest in pool.map(read, sorted(unread, key=lambda name: -files[name].size)):
            result[name] = files[name]._replace(sha256=digest)
    return result


def sha256_of(path: Path, count: Callable[[int], None]) -> str:
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
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
    lines = [FORMAT, *(f"{key}={value}" for key, value in {**head, **about}.items()), ""]
    lines += [f"{e.sha256} {e.size} {e.mtime} {name}" for name, e in sorted(files.items())]
    return "\n".join(lines) + "\n"


def parsed(text: str) -> tuple[dict[str, str], dict[str, Entry]]:
    """What a manifest says of itself, and its files; nothing of what is no manifest."""
    head, _, body = text.partition("\n\n")
    first, *about = head.splitlines()[:100] or [""]
    if first != FORMAT:
        return {}, {}
    files = {}
    for line in body.split("\n"):
        cells = line.split(" ", 3)
        if len(cells) == 4 and cells[1].isdecimal():
            files[cells[3]] = Entry(int(cells[1]), cells[2], cells[0])
    return dict(line.split("=", 1) for line in about if "=" in line), files


def load(path: Path) -> tuple[dict[str, str], dict[str, Entry]]:
    """As `parsed`, of a file; nothing if there is none."""
    try:
        return parsed(path.read_text("utf-8", "surrogateescape"))
    except OSError:
        return {}, {}


def save(path: Path, text: str) -> None:
    """Whole, or not at all. Raises OSError."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_text(text, "utf-8", "surrogateescape")
    fresh.replace(path)


def _fail(error: OSError) -> None:
    raise error
