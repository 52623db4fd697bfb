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
from provision.environment.resolve import decisive
from provision.environment.wheels import architecture, kept_in, pip_download, wheel_cache
from provision.inventory.models import Python

#: It knows `--torch-backend cu130`, as the inventory's schema has it; the rest of what is used is older.
OLDEST = Version("0.9.5")


@functools.cache
def uv_version() -> str:
    """The version that came with provision: hosts get the same."""
    return version("uv")


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
    if sys.platform == "linux" and machine.machine() == wanted:
        from uv import find_uv_bin

        return Path(find_uv_bin())
    kept = (cache or wheel_cache()) / f"uv-{uv_version()}-{wanted}" / "uv"
    if not kept.exists():
        if say:
            say(f"fetching uv {uv_version()} for {wanted}")
        with kept_in(kept.parent):
            _fetch(python, kept, base)
    return kept


def _fetch(python: Python, kept: Path, base: Path) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".uv-", dir=kept.parent) as folder:
        done = pip_download(python, Path(folder), f"uv=={uv_version()}\n", base=base)
        wheels = list(Path(folder).glob("uv-*.whl"))
        if done.returncode or not wheels:
            raise LockError("uv could not be fetched for the hosts", evidence=decisive(done.stderr))
        fresh = Path(folder) / "uv"
        with zipfile.ZipFile(wheels[0]) as wheel:
            member = next(name for name in wheel.namelist() if name.endswith(".data/scripts/uv"))
            with wheel.open(member) as packed, fresh.open("wb") as file:
                shutil.copyfileobj(packed, file)
        fresh.chmod(0o755)
        fresh.replace(kept)
