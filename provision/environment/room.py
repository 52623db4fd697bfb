"""How much room packages take at least, as far as this machine has their wheels."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from provision.environment.cache import wheel_cache
from provision.environment.lockfile import Lock


@dataclass(frozen=True)
class RoomNeeded:
    """`least`: bytes of the packages whose wheels are here. `unknown`: how many are not, of `count`."""

    least: int
    unknown: int
    count: int

    def __str__(self) -> str:
        """What is not known of it; empty where all is."""
        if not self.unknown:
            return ""
        return f"the sizes of {self.unknown} of {self.count} packages are not known here"


def room_of(lock: Lock, names: Iterable[str], cache: Path | None = None, *, sent: bool) -> RoomNeeded:
    """Of what is in their wheels; with `sent`, of the wheels themselves, too, which lie beside it while it is
    installed. Raises NoHome."""
    place = cache or wheel_cache()
    sizes = [_of_one(place, lock.hashes[name], sent) for name in names]
    return RoomNeeded(sum(size or 0 for size in sizes), sizes.count(None), len(sizes))


def _of_one(cache: Path, hashes: tuple[str, ...], sent: bool) -> int | None:
    # One that is fetched meanwhile is known from then on.
    found = [size for entry in hashes for size in _sizes(cache / entry.removeprefix("sha256:"), sent)]
    return min(found, default=None)


def _sizes(folder: Path, sent: bool) -> list[int]:
    return [size for wheel in folder.glob("*.whl") if (size := _size(wheel, sent)) is not None]


@lru_cache(maxsize=4096)  # the same on every host
def _size(wheel: Path, sent: bool) -> int | None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        return unpacked + (wheel.stat().st_size if sent else 0)
    except (OSError, zipfile.BadZipFile):
        return None
