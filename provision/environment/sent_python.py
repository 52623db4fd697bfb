"""A Python for hosts that have none that fits: fetched once by the controller, with uv, and sent to them as it came.

Hosts unpack it with uv, which checks its hash once more, into the folder for Pythons that uv fetches there itself.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from provision.core.errors import LockError
from provision.core.files import write_whole
from provision.core.private import private_folder, require_ours
from provision.environment.ambient import ambient, for_uv, sealed
from provision.environment.cache import kept_in, sha256_of, wheel_cache
from provision.environment.indexes import INVESTIGATE
from provision.environment.python_version import minor
from provision.environment.resolve import decisive
from provision.environment.wheels import architecture, one_fetch
from provision.inventory.models import Python

Say = Callable[[str], None]

#: The archive, and what uv reads about it (`--python-downloads-json-url`), by their names on a host.
ARCHIVE, ABOUT = "python.tar.gz", "python.json"
#: uv puts the mirror that it is told in the place of this, which is no part of what a host fetches.
_MIRRORED = "https://github.com/astral-sh/python-build-standalone/releases/download"


def sent_python(
    version: str, python: Python, cache: Path | None = None, *, say: Say | None = None, instead: str = ""
) -> tuple[Path, Path]:
    """(archive, what uv reads about it) of a Python of `version`, for the hosts' architecture.

    Fetched where the cache does not have one. `instead`: what a person can do where that fails. Raises LockError,
    NoHome.
    """
    wanted = architecture(python.platform)
    kept = (cache or wheel_cache()) / f"python-{version}-{wanted}"
    archive, about = kept / ARCHIVE, kept / ABOUT
    with kept_in(kept):
        require_ours(kept)
        with one_fetch(kept.parent, say or (lambda _: None)):
            if not _whole(archive, about):
                if say:
                    say(f"fetching Python {version} for {wanted}")
                _fetch(version, wanted, python, kept, instead)
    return archive, about


def _whole(archive: Path, about: Path) -> bool:
    """Whether it is still what uv has verified, by the hash that was noted then."""
    try:
        (known,) = json.loads(about.read_text(encoding="utf-8")).values()
        return bool(known["sha256"] == sha256_of(archive))
    except (FileNotFoundError, ValueError, KeyError, AttributeError, TypeError):
        return False


def _fetch(version: str, wanted: str, python: Python, kept: Path, instead: str) -> None:
    from uv import find_uv_bin

    private_folder(kept)
    here = ambient()
    with tempfile.TemporaryDirectory(prefix=".part-", dir=kept.parent) as folder:
        base = sealed(proxies=python.proxies)
        env = {**base, **for_uv(here, base)}
        env |= {name: os.environ[name] for name in _SOURCES if os.environ.get(name)}
        env |= {"UV_PYTHON_CACHE_DIR": f"{folder}/archives", "UV_CACHE_DIR": f"{folder}/cache"}
        command = [find_uv_bin(), "python", "install", "--color=never", "--no-bin", "--install-dir", f"{folder}/there"]
        command += [f"cpython-{version}-linux-{wanted}-gnu"]
        done = subprocess.run(
            command, cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            check=False,
        )  # fmt: skip
        there = [path for path in Path(folder, "there").glob("cpython-*") if not path.is_symlink()]
        archives = list(Path(folder, "archives").glob("*.tar.gz"))
        if done.returncode or len(there) != 1 or len(archives) != 1:
            raise _unfetched(version, done.stderr, instead)
        about = _about(there[0].name, wanted, sha256_of(archives[0]))
        archives[0].chmod(0o600)
        archives[0].replace(kept / ARCHIVE)
        write_whole(kept / ABOUT, json.dumps(about))


#: Where else than at python-build-standalone's uv is to look: its own variables.
_SOURCES = ("UV_PYTHON_INSTALL_MIRROR", "UV_PYTHON_DOWNLOADS_JSON_URL")


def _about(name: str, wanted: str, sha256: str) -> dict[str, dict[str, object]]:
    """`name`: as uv calls the folder, `cpython-3.12.16-linux-x86_64-gnu`."""
    numbers = re.match(r"cpython-(\d+)\.(\d+)\.(\d+)((?:a|b|rc)\d+)?-", name)
    if numbers is None:
        raise LockError(f"uv has fetched `{name}`, of which the version cannot be read")
    known = {
        "name": "cpython", "arch": {"family": wanted, "variant": None}, "os": "linux", "libc": "gnu",
        "major": int(numbers[1]), "minor": int(numbers[2]), "patch": int(numbers[3]), "prerelease": numbers[4] or "",
        "url": f"{_MIRRORED}/{ARCHIVE}", "sha256": sha256, "variant": None, "build": None,
    }  # fmt: skip
    return {name: known}


def _unfetched(version: str, said: str, instead: str) -> LockError:
    text = f"Python {version}, which is to be sent to hosts that have none, could not be fetched"
    if "hash mismatch" in said.lower():
        return LockError(text, evidence=decisive(said), hint=INVESTIGATE)
    if "No download found" in said:
        listed = f"uv python list --all-versions {minor(version)}"
        hint = f"set python.version to one that uv has (`{listed}`), and all hosts that lack it get it; or {instead}"
    else:
        hint = f"{instead}; or name a mirror of python-build-standalone in UV_PYTHON_INSTALL_MIRROR"
    return LockError(text, evidence=decisive(said), hint=hint)
