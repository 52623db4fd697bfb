"""uv for the hosts: one static file, sent from the controller, since that needs nothing on the way or there."""

from __future__ import annotations

import functools
import platform as machine
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from packaging.version import InvalidVersion, Version

from provision.core.errors import LockError
from provision.core.files import write_whole
from provision.core.private import private_folder, require_ours
from provision.core.reading import read_kept
from provision.environment.cache import kept_in, sha256_of, wheel_cache
from provision.environment.indexes import INVESTIGATE, REPLACED
from provision.environment.resolve import decisive
from provision.environment.wheels import architecture, pip_download
from provision.inventory.models import Python

#: It knows `--torch-backend cu130`, as the inventory's schema has it; the rest of what is used is older.
OLDEST = Version("0.9.5")


#: The one that is fetched for an architecture which is not the controller's, and its wheels' sha256 as PyPI has them:
#: an index of ours, or a proxy on the way, cannot put another program in its place.
FETCHED = "0.13.9"
WHEELS = {
    "aarch64": "5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe",
    "x86_64": "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19",
}


@functools.cache
def uv_version() -> str:
    """The version that came with provision."""
    return version("uv")


def uv_version_for(platform: str) -> str:
    """The version that hosts of `platform` get: the one that came with provision, if it runs there."""
    return uv_version() if _runs_here(architecture(platform)) else FETCHED


def usable(host_version: str) -> bool:
    """Whether a host's own uv of that version will do: one that is not older than what is used of it."""
    try:
        return Version(host_version) >= OLDEST
    except InvalidVersion:
        return False


def uv_binary(
    python: Python, cache: Path | None = None, *, base: Path, say: Callable[[str], None] | None = None
) -> Path:
    """A file called `uv` that runs on the hosts: the controller's own, or one fetched for their architecture.

    Raises LockError if it has to be fetched and cannot be; NoHome.
    """
    wanted = architecture(python.platform)
    if _runs_here(wanted):
        from uv import find_uv_bin

        return Path(find_uv_bin())
    kept = (cache or wheel_cache()) / f"uv-{FETCHED}-{wanted}-{WHEELS[wanted][:16]}" / "uv"
    with kept_in(kept.parent):
        require_ours(kept)
    with kept_in(kept.parent):
        if not _whole(kept):
            if say:
                say(f"fetching uv {FETCHED} for {wanted}")
            _fetch(python, kept, base, WHEELS[wanted])
    return kept


def _whole(kept: Path) -> bool:
    """Whether it is still what was unpacked, by the hash that was noted then."""
    try:
        return read_kept(kept.with_name("uv.sha256")).decode("ascii").strip() == sha256_of(kept)
    except (FileNotFoundError, UnicodeDecodeError):
        return False


def _runs_here(wanted: str) -> bool:
    return sys.platform == "linux" and machine.machine() == wanted


def _fetch(python: Python, kept: Path, base: Path, sha256: str) -> None:
    private_folder(kept.parent)
    with tempfile.TemporaryDirectory(prefix=".uv-", dir=kept.parent) as folder:
        text = f"--require-hashes\nuv=={FETCHED} --hash=sha256:{sha256}\n"
        done = pip_download(python, Path(folder), text, base=base)
        wheels = list(Path(folder).glob("uv-*.whl"))
        if "DO NOT MATCH THE HASHES" in done.stderr:
            raise LockError(f"uv {FETCHED} was {REPLACED}", evidence=decisive(done.stderr), hint=INVESTIGATE)
        if done.returncode or not wheels:
            hint = f"the index must have uv {FETCHED}, or each host a uv of at least {OLDEST} in its PATH"
            raise LockError("uv could not be fetched for the hosts", evidence=decisive(done.stderr), hint=hint)
        fresh = Path(folder) / "uv"
        with zipfile.ZipFile(wheels[0]) as wheel:
            member = next(name for name in wheel.namelist() if name.endswith(".data/scripts/uv"))
            with wheel.open(member) as packed, fresh.open("wb") as file:
                shutil.copyfileobj(packed, file)
        fresh.chmod(0o700)
        write_whole(kept.with_name("uv.sha256"), sha256_of(fresh), kept=True)
        fresh.replace(kept)
