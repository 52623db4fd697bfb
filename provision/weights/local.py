"""The model's folder on the controller: listed for every run, hashed once, the hashes kept in the state folder."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import field
from pathlib import Path

from provision.core.errors import NoHome
from provision.core.paths import state_dir
from provision.core.private import exposed, private_folder
from provision.core.reading import open_kept
from provision.core.values import dataclass
from provision.payload.weights.manifest import (
    Entry,
    digest_of,
    follow,
    hashed,
    listing,
    load,
    save,
    stamp_of,
    written,
)
from provision.payload.weights.selection import needed

#: Bytes at either end of a file that tell two models of the same sizes apart (weights/was.sh).
SAMPLE = 1 << 20

#: Hosts that are sent the same folder ask from several threads.
_ONE_READER = threading.Lock()


@dataclass(frozen=True)
class Held:
    """What `folder` holds of a model. Hashes are empty where a file has changed since it was read. `problem`: why it
    cannot be sent."""

    folder: Path
    files: Mapping[str, Entry] = field(default_factory=dict, hash=False)
    problem: str = ""

    @property
    def bytes(self) -> int:
        return sum(entry.size for entry in self.files.values())

    @property
    def stamp(self) -> str:
        return stamp_of(self.files)

    @property
    def digest(self) -> str:
        """Of all contents; empty while one of them has not been read."""
        return digest_of(self.files) if all(entry.sha256 for entry in self.files.values()) else ""

    def sample(self, name: str) -> str:
        """A hash of the beginning and the end of a file, as the probe on a host has it; empty where it cannot be
        read."""
        try:
            with open_kept(self.folder / name) as file:
                first = file.read(SAMPLE)
                file.seek(max(0, self.files[name].size - SAMPLE))
                return hashlib.sha256(first + file.read(SAMPLE)).hexdigest()
        except OSError:
            return ""


def look(folder: Path) -> Held:
    """Lists it, and reads no file. Raises nothing, writes nothing."""
    try:
        found = listing(folder)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return Held(folder, problem=f"`{folder}` cannot be read: {reason.lower()}")
    known: Mapping[str, Entry] = {}
    with suppress(NoHome):
        kept = _kept(folder)
        known = {} if exposed(kept) else load(kept)[1]
    files = {}
    for name in needed(found):
        before = known.get(name)
        files[name] = before if before is not None and before[:2] == found[name][:2] else found[name]
    return Held(folder, files, "" if files else f"there are no files in `{folder}`")


def read(held: Held, say: Callable[[int, int], None]) -> Held:
    """With the hashes of all files, which are kept for the next run. `say(done, total)`: bytes. Raises OSError."""
    with _ONE_READER:
        held = look(held.folder)
        if not held.digest and not held.problem:
            files = hashed(follow(held.folder), held.files, held.files, say)
            held = Held(held.folder, files)
            # Kept or not, they are known now: without a place for them the next run reads the files again.
            with suppress(OSError, NoHome):
                kept = _kept(held.folder)
                private_folder(kept.parent)
                save(kept, written(files, {"folder": str(held.folder)}))
                kept.chmod(0o600)
        return held


def _kept(folder: Path) -> Path:
    name = hashlib.sha256(str(folder.absolute()).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return state_dir() / "weights" / f"{name}.manifest"
