"""What keeps an environment from being built on a host, as far as it is known before anything is changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from provision.core.finding import Against, Finding, Severity
from provision.core.wording import size
from provision.environment.indexes import PYPI
from provision.environment.lockfile import Lock
from provision.environment.python_version import minor, number, suits
from provision.environment.room import RoomNeeded, room_of
from provision.inventory.models import Python
from provision.resources.venv_kept import same

_WHY = "the environment cannot be built there, and what runs now is stopped for nothing"


def index_at(python: Python) -> str:
    """Where the index is that a host is to fetch from, without user, password and path; empty where there is none."""
    url = urlsplit(python.index or PYPI)
    if python.wheels == "controller" or url.scheme not in ("http", "https") or not url.hostname:
        return ""
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    return f"{url.scheme}://{host}{f':{url.port}' if url.port else ''}/"


#: Where uv fetches a Python from: the first, or else the second.
_PYTHONS = ("https://releases.astral.sh/", "https://github.com/")


def python_from(python: Python, there: Collection[str] | None) -> str:
    """Where a host is to fetch its Python; empty where it need not, may not, or nobody knows. `there`: versions of
    those that it has."""
    if python.wheels == "controller" or there is None or any(suits(version, python.version) for version in there):
        return ""
    return " ".join(_PYTHONS)


def without_python(host: str, python: Python, there: Collection[str], have: Mapping[str, str]) -> Finding:
    newest = minor(max(there, key=number, default=""))
    other = f'set `python.version: "{newest}"`, which it has' if newest else "choose one that it has"
    return Finding(
        host, "packages", "host Python", Severity.BLOCKS, found=", ".join(sorted(there, key=number)) or "none",
        expected=python.version, against=Against.INVENTORY, why=_WHY,
        evidence=(f"found: {', '.join(sorted(there, key=number)) or 'none'}", have["pythonless"]),
        said=f"it has no Python {python.version}, and reaches neither of the places that uv fetches one from",
        hint=f"install Python {python.version} on {host}, or {other}",
    )  # fmt: skip


def unreached(host: str, area: str, python: Python, have: Mapping[str, str]) -> Finding:
    return Finding(
        host, area, "package index", Severity.BLOCKS, found="does not answer", expected="answers",
        against=Against.INVENTORY, why=_WHY, evidence=(have["unreached"],),
        said=f"the index {index_at(python)} does not answer there",
        hint="set `python.wheels: controller`, and the controller sends them; or name the way there in `proxy`",
    )  # fmt: skip


def room(have: Mapping[str, str], lock: Lock, python: Python, cache: Path | None) -> RoomNeeded:
    """Of what the environment in use does not have."""
    names = lock.packages.keys() - same(have, lock, python)
    return room_of(lock, names, cache, sent=python.wheels == "controller")


def room_not_known(have: Mapping[str, str], lock: Lock, python: Python, cache: Path | None) -> tuple[str, ...]:
    """Where hosts fetch: what is sent from here is here before anything is changed."""
    if python.wheels == "controller" or not lock.packages or have.get("finished") == lock.digest:
        return ()
    what = str(room(have, lock, python, cache))
    return (f"whether there is room for it is not known: {what}",) if what else ()


def too_little_room(host: str, area: str, root: str, free: int, needed: RoomNeeded) -> Finding:
    return Finding(
        host, area, "room for the environment", Severity.BLOCKS, found=size(free), expected=f">= {size(needed.least)}",
        against=Against.SOUND, why=_WHY, evidence=tuple(filter(None, [str(needed)])),
        said=f"{size(free)} are free below {root}, and the environment takes {size(needed.least)} at least",
        hint=f"free some space there (`provision prune` may find some), or set hosts.{host}.root to a larger disk",
    )  # fmt: skip
