"""Wheels in folders of this machine, which hosts that fetch for themselves cannot see: those of the lock are sent."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from provision.core.private import private_folder
from provision.environment.built import beside
from provision.environment.cache import sha256_of
from provision.environment.indexes import find_links
from provision.environment.lockfile import Lock
from provision.inventory.models import Python


def elsewhere(python: Python) -> list[str]:
    """Those of `find_links` that a host can reach, too."""
    return [link for link in python.find_links if "://" in link and not link.startswith("file:")]


def local_wheels(lock: Lock, python: Python, base: Path) -> dict[str, list[Path]]:
    """Normalized name → the wheels of its locked version in folders of `find_links`, and of those that were built, with
    a hash that the lock has."""
    found: dict[str, list[Path]] = {}
    for link in (*find_links(python, base), str(beside(lock.path))):
        if link.startswith("file:"):
            link = unquote(urlsplit(link).path)
        if "://" in link:
            continue
        for wheel in sorted(Path(link).glob("*.whl")):
            name = _locked(wheel, lock)
            if name and f"sha256:{sha256_of(wheel)}" in lock.hashes[name]:
                found.setdefault(name, []).append(wheel)
    return found


def take_local(lock: Lock, python: Python, base: Path, names: Iterable[str], cache: Path) -> list[str]:
    """Of `names` those of which a folder has a file that the lock names: it is in the cache by now."""
    found = local_wheels(lock, python, base)
    taken = [name for name in names if name in found]
    for wheel in (wheel for name in taken for wheel in found[name]):
        folder = cache / sha256_of(wheel)
        private_folder(folder)
        fresh = folder / f".{wheel.name}.new"
        shutil.copyfile(wheel, fresh)
        fresh.chmod(0o600)
        fresh.replace(folder / wheel.name)
    return taken


def _locked(wheel: Path, lock: Lock) -> str:
    """The package's name, if the file's name is that of its locked version."""
    try:
        name, version, *_ = parse_wheel_filename(wheel.name)
    except InvalidWheelFilename:
        return ""
    return name if str(version) == lock.packages.get(name) else ""
