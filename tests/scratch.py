"""A file system of their own for the labs of a run, where root may mount one.

Tests remove what they installed, hundreds of thousands of files. Where the machine mounts its own with `discard`,
each commit of its journal waits for the disk: 70,000 files took 46 s there, and 1.5 s in here.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from pathlib import Path

#: Behind the name of a place: its file system, until that is mounted.
IMAGE = ".img"


def mount(place: Path) -> None:
    """Mounts one at `place`, which is made, or empty. Its file is gone from the folder at once, and from the disk with
    the mount. Where that cannot be done, `place` is a folder like others, or will be."""
    if shutil.which("mkfs.ext4") is None:
        return
    image = place.with_name(f"{place.name}{IMAGE}")
    try:
        place.mkdir(parents=True, exist_ok=True)
        if place.is_mount() or any(place.iterdir()):
            return
        with image.open("wb") as file:
            # Blocks are taken when they are written, and must be there then.
            file.truncate(shutil.disk_usage(place).free * 4 // 5)
        # Nothing in it outlives the run, or a crash: no journal.
        _run("mkfs.ext4", "-q", "-O", "^has_journal", "-E", "nodiscard,lazy_itable_init=1", image)
        _run("mount", "-o", "loop,nodiscard,noatime", image, place)
        shutil.rmtree(place / "lost+found")
    except (OSError, subprocess.CalledProcessError):
        with contextlib.suppress(OSError):
            place.rmdir()
    finally:
        image.unlink(missing_ok=True)


def unmount(place: Path) -> None:
    """The other way round, whatever is still open in it."""
    if place.is_mount():
        _run("umount", "--lazy", place)


def _run(*argv: str | Path) -> None:
    subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
