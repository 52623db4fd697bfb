"""How much room packages take at least: as far as this machine has their wheels, or was told by the index."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from provision.core.errors import LockError
from provision.core.values import dataclass
from provision.environment.cache import wheel_cache
from provision.environment.lockfile import Lock
from provision.environment.resolve import wheel_sizes
from provision.inventory.models import Python


@dataclass(frozen=True)
class RoomNeeded:
    """`least`: bytes of the packages whose sizes are known. `unknown`: of how many they are not, of `count`."""

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


#: Of wheels that the hosts fetch, by their sha256: what is in one takes as much at least.
_LEARNT: dict[str, int] = {}

#: Digests of the locks of which this process has asked the index.
_ASKED: set[str] = set()


def learn_sizes(lock: Lock, python: Python, cache: Path | None, base: Path) -> None:
    """Asks the index, once, for the sizes of what is not here. What it does not say stays unknown."""
    if lock.digest in _ASKED:
        return
    _ASKED.add(lock.digest)
    place = cache or wheel_cache()
    unknown = [name for name in lock.packages if _of_one(place, lock.hashes[name], False) is None]
    if unknown:
        with suppress(LockError):
            _LEARNT.update(wheel_sizes("".join(f"{n}=={lock.packages[n]}\n" for n in unknown), python, base))


def _of_one(cache: Path, hashes: tuple[str, ...], sent: bool) -> int | None:
    digests = [entry.removeprefix("sha256:") for entry in hashes]
    # One that is fetched meanwhile is known from then on.
    found = [size for digest in digests for size in _sizes(cache / digest, sent)]
    found = found or [_LEARNT[digest] for digest in digests if digest in _LEARNT]
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
