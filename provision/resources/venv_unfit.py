"""What keeps an environment from being built on a host, as far as it is known before anything is changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from provision.core.finding import Against, Finding, Severity
from provision.core.wording import size
from provision.environment.indexes import PYPI
from provision.environment.lockfile import Lock
from provision.environment.python_version import number, suits
from provision.environment.room import RoomNeeded, room_of
from provision.inventory.models import Python
from provision.payload.bundle import bundle
from provision.resources.venv_kept import same

_WHY = "the environment cannot be built there, and what runs now is stopped for nothing"


#: Where the files are that PyPI's pages name.
_PYPI_FILES = "https://files.pythonhosted.org/"
#: What uv takes PyTorch from where `torch_backend` is set.
_PYTORCH = "https://download.pytorch.org/"


def index_at(python: Python) -> str:
    """Where the indexes are that a host is to fetch from, without users, passwords and paths, with a blank between;
    empty where it fetches from none."""
    if python.wheels == "controller":
        return ""
    named = [python.index or PYPI, *python.extra_indexes, *python.find_links]
    found = [place for url in named if (place := _server(url))]
    found += [_PYPI_FILES] if _server(PYPI) in found else []
    found += [_PYTORCH] if python.torch_backend else []
    return " ".join(dict.fromkeys(found))


def _server(link: str) -> str:
    """Empty for what is no URL of one."""
    url = urlsplit(link)
    if url.scheme not in ("http", "https") or not url.hostname:
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


#: What a host is asked where nothing is to be built.
NOTHING = {"index_at": "", "python_from": "", "asking": ""}


def questions(python: Python, there: Collection[str] | None) -> dict[str, str]:
    """Of index.sh."""
    return {"index_at": index_at(python), "python_from": python_from(python, there), "asking": bundle("reached:main")}


def python_sent(have: Mapping[str, str], lock: Lock, bring: str, there: Collection[str]) -> tuple[str, ...]:
    """What a plan says of a Python that comes from here: which one it is is not known before it is fetched."""
    if not bring or have.get("finished") == lock.digest:
        return ()
    return (f"with a Python {bring} that is sent: of its own it has {_versions(there)}",)


def _versions(there: Collection[str]) -> str:
    return ", ".join(sorted(there, key=number)) or "none"


def without_python(host: str, python: Python, there: Collection[str], have: Mapping[str, str], instead: str) -> Finding:
    how = f"install Python {python.version} on {host}"
    return Finding(
        host, "packages", "host Python", Severity.BLOCKS, found=_versions(there),
        expected=python.version, against=Against.INVENTORY, why=_WHY,
        evidence=(f"found: {_versions(there)}", have["pythonless"]),
        said=f"it has no Python {python.version}, and reaches neither of the places that uv fetches one from",
        hint=f"{instead or how}; or set `python.wheels: controller`, and a Python is sent with the packages",
    )  # fmt: skip


def unreached(host: str, area: str, have: Mapping[str, str]) -> Finding:
    place, _, why = have["unreached"].partition(" ")
    return Finding(
        host, area, "package index", Severity.BLOCKS, found="does not answer", expected="answers",
        against=Against.INVENTORY, why=_WHY, evidence=(why,),
        said=f"the index {place} does not answer there",
        hint="set `python.wheels: controller`, and the controller sends them; or name the way there in `proxy`",
    )  # fmt: skip


def room(have: Mapping[str, str], lock: Lock, python: Python, cache: Path | None) -> RoomNeeded:
    """Of what the environment in use does not have."""
    names = lock.packages.keys() - same(have, lock, python)
    return room_of(lock, names, cache, sent=python.wheels == "controller")


def room_not_known(have: Mapping[str, str], lock: Lock, python: Python, cache: Path | None) -> tuple[str, ...]:
    """Where hosts fetch: what is sent from here is here before anything is changed. The index is not asked for sizes
    until then either."""
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
