"""Where the controller keeps the packages that it fetched for hosts, whatever lock they are of."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from provision.core import person
from provision.core.errors import LockError, NoHome
from provision.core.private import require_ours
from provision.core.reading import open_kept
from provision.core.room import way_out

#: What to do where the usual place will not do.
MOVE_CACHE = "name a writable folder in XDG_CACHE_HOME"


def wheel_cache() -> Path:
    """`provision/wheels` below $XDG_CACHE_HOME, or below ~/.cache. May not exist yet. Raises NoHome."""
    xdg = Path(os.environ.get("XDG_CACHE_HOME", ""))
    home = None if xdg.is_absolute() else person.home()
    if home is not None:
        xdg = home / ".cache"
    elif not xdg.is_absolute():
        raise NoHome(f"there is no folder to keep wheels in: {person.nameless()}", hint=MOVE_CACHE)
    return xdg / "provision" / "wheels"


def check_cache(cache: Path | None = None) -> None:
    """Raises LockError where no wheel could be kept, NoHome: looked at before hosts are contacted and packages fetched.
    Makes nothing."""
    cache = cache or wheel_cache()
    with kept_in(cache):
        place = next(path for path in (cache, *cache.parents) if os.path.lexists(path))
        if not place.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(place, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        require_ours(cache)


@contextmanager
def kept_in(cache: Path) -> Iterator[None]:
    """Turns what the system says of the cache (read-only, full) into a LockError with a way out."""
    try:
        yield
    except OSError as error:
        raise LockError(
            f"wheels cannot be kept in `{cache}`: {error.strerror}", hint=way_out(error, cache, MOVE_CACHE)
        ) from error


def sha256_of(path: Path) -> str:
    """In hexadecimal; read in blocks, since wheels have gigabytes. Raises OSError."""
    digest = hashlib.sha256()
    with open_kept(path) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
