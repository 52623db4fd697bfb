"""Every file of an environment against its RECORD: what a `--deep` look at an environment adds, and its mending.

A RECORD lists what a wheel brought, with sizes and hashes (packaging.python.org, "Recording installed projects").
It has none for itself; and compiled bytecode is not listed, so that what is in a `__pycache__` is not looked at.

Prints `files=<folder of the package>/<what is not as installed>` for each package that is not, and `stray=<files>` for
code that no package brought. With `sweep` it reads no hashes, and removes the latter.
"""

from __future__ import annotations

import base64
import csv
import glob
import hashlib
import os
import shutil
import stat
import sys
from collections.abc import Collection, Iterator, Sequence

CODE = (".py", ".pyc", ".pth", ".so")
# What `uv venv` and virtualenv put there themselves.
OURS = {"_virtualenv.py", "_virtualenv.pth"}


class Site:
    """What a site-packages folder holds. `owned`: the paths that packages brought; `faults`: package → what is wrong →
    names of its files. `unread`: without one of the RECORDs, nobody knows whose a file is."""

    def __init__(self, site: str) -> None:
        self.site = site
        self.owned: set[str] = set()
        self.faults: dict[str, dict[str, list[str]]] = {}
        self.unread = False
        self._checked: dict[str, tuple[str, str, list[tuple[str, str, str]]]] = {}
        for folder in sorted(glob.glob(os.path.join(glob.escape(site), "*.dist-info"))):
            package = os.path.basename(folder)
            try:
                self._take(package, rows(os.path.join(folder, "RECORD")))
            except (OSError, csv.Error):
                self.faults[package] = {"unreadable": [package + "/RECORD"]}
                self.unread = True

    def _take(self, package: str, listed: Sequence[Sequence[str]]) -> None:
        for row in listed:
            path = os.path.normpath(os.path.join(self.site, row[0]))
            self.owned.add(path)
            kind, _, digest = row[1].partition("=") if len(row) > 1 else ("", "", "")
            if digest and kind in hashlib.algorithms_guaranteed and not row[0].endswith(".pyc"):
                size = row[2] if len(row) > 2 and row[2].isdigit() else ""
                self._checked.setdefault(path, (package, row[0], []))[2].append((kind, digest, size))

    def check(self) -> None:
        for path, (package, name, listed) in self._checked.items():
            what = fault(path, listed)
            if what:
                self.faults.setdefault(package, {}).setdefault(what, []).append(name)

    def strays(self) -> list[str]:
        return [] if self.unread else list(strays(self.site, self.owned))


def open_file(path: str) -> int:
    try:
        # Not even the time of its last reading changes; for that it must be ours.
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOATIME)
    except PermissionError:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def fault(path: str, listed: Sequence[tuple[str, str, str]]) -> str:
    """`listed`: hash, digest and size of each package that brings it. Packages that share a file (namespaces) overwrite
    one another's: any of theirs will do."""
    try:
        there = os.stat(path)
        if not stat.S_ISREG(there.st_mode):
            return "edited"
        fitting = [(kind, digest) for kind, digest, size in listed if not size or int(size) == there.st_size]
        if not fitting:
            return "edited"
        sums = {kind: hashlib.new(kind) for kind, _ in fitting}
        with open(open_file(path), "rb") as file:
            for chunk in iter(lambda: file.read(1 << 20), b""):
                for one in sums.values():
                    one.update(chunk)
    except (FileNotFoundError, NotADirectoryError):
        return "missing"
    except OSError:
        return "unreadable"
    for kind, digest in fitting:
        if base64.urlsafe_b64encode(sums[kind].digest()).decode().rstrip("=") == digest:
            return ""
    return "edited"


def rows(record: str) -> list[list[str]]:
    with open(open_file(record), encoding="utf-8", errors="surrogateescape", newline="") as file:
        return [row for row in csv.reader(file) if row]


def strays(site: str, owned: Collection[str]) -> Iterator[str]:
    folders = {os.path.dirname(path) for path in owned}
    for folder in list(folders):
        while len(folder) > len(site):
            folder = os.path.dirname(folder)
            folders.add(folder)
    for place, inner, files in os.walk(site):
        top = place == site
        for name in sorted(inner):
            path = os.path.join(place, name)
            if name == "__pycache__" or (top and name.endswith((".dist-info", ".egg-info"))):
                inner.remove(name)
            elif path not in folders:
                inner.remove(name)
                if os.path.islink(path) or any(is_code(f) for _, _, found in os.walk(path) for f in found):
                    yield path
        for name in sorted(files):
            path = os.path.join(place, name)
            if is_code(name) and path not in owned and not (top and name in OURS):
                yield path


def is_code(name: str) -> bool:
    return name.endswith(CODE) or ".so." in name


def remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def few(names: Sequence[str]) -> str:
    shown = ", ".join(name.replace("\n", "?") for name in names[:3])
    return shown + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def main() -> None:
    """Arguments: the environment's folder, and `sweep`."""
    env, sweep = sys.argv[1], "sweep" in sys.argv[2:]
    lines = []
    sites = [Site(path) for path in glob.glob(os.path.join(glob.escape(env), "lib", "python3*", "site-packages"))]
    if sweep:
        for site in sites:
            for path in site.strays():
                remove(path)
        return
    foreign = []
    for site in sites:
        site.check()
        for package, found in site.faults.items():
            said = "; ".join(f"{what}: {few(names)}" for what, names in sorted(found.items()))
            lines.append(f"files={package}/{said}\n")
        foreign += [os.path.relpath(path, site.site) for path in site.strays()]
    if foreign:
        lines.append(f"stray={few(foreign)}\n")
    # A name may be no UTF-8.
    sys.stdout.buffer.write("".join(lines).encode("utf-8", "backslashreplace"))
