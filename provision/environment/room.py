"""How much room packages take at least, as far as this machine has their wheels."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from provision.environment.cache import wheel_cache
from provision.environment.lockfile import Lock


def least_room(lock: Lock, names: Iterable[str], cache: Path | None = None, *, sent: bool) -> int:
    """Bytes of what is in their wheels; with `sent`, of the wheels themselves, too, which lie beside it while it is
    installed. What is not in the cache counts as nothing. Raises NoHome."""
    place = cache or wheel_cache()
    return sum(_of_one(place, lock.hashes[name], sent) for name in names)


@lru_cache(maxsize=4096)  # the same on every host
def _of_one(cache: Path, hashes: tuple[str, ...], sent: bool) -> int:
    found = []
    for entry in hashes:
        for wheel in (cache / entry.removeprefix("sha256:")).glob("*.whl"):
            try:
                with zipfile.ZipFile(wheel) as archive:
                    unpacked = sum(member.file_size for member in archive.infolist())
                found.append(unpacked + (wheel.stat().st_size if sent else 0))
            except (OSError, zipfile.BadZipFile):
                continue
    return min(found, default=0)
