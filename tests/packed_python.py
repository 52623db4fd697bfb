"""What python-build-standalone publishes, made of this interpreter: a Python that runs wherever it is unpacked, and the
list in which uv finds it."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
import sysconfig
import tarfile
from pathlib import Path

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
PATCH = platform.python_version()

_LEFT_OUT = {"test", "tests", "idlelib", "tkinter", "lib2to3", "ensurepip", "site-packages", "dist-packages"}


def publish_python(folder: Path) -> Path:
    """The list, which names the archive beside it."""
    archive = folder / "cpython.tar.gz"
    program = Path(sys.base_prefix, "bin", f"python{MINOR}").resolve()
    with tarfile.open(archive, "w:gz", compresslevel=1) as file:
        file.add(program, f"python/bin/python{MINOR}")
        file.add(sysconfig.get_path("stdlib"), f"python/lib/python{MINOR}", filter=_needed)
    about = {
        "name": "cpython", "arch": {"family": platform.machine(), "variant": None}, "os": "linux", "libc": "gnu",
        "major": sys.version_info[0], "minor": sys.version_info[1], "patch": sys.version_info[2], "prerelease": "",
        "url": archive.as_uri(), "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(), "variant": None,
        "build": None,
    }  # fmt: skip
    listed = folder / "pythons.json"
    listed.write_text(json.dumps({f"cpython-{PATCH}-linux-{platform.machine()}-gnu": about}))
    return listed


def _needed(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Not links: uv refuses those that lead out."""
    name = Path(entry.name).name
    left_out = name in _LEFT_OUT or name == "__pycache__" or name.startswith("config-")
    return None if left_out or entry.issym() else entry
