"""What an environment holds, by the RECORD of each of its packages.

A RECORD lists what a wheel brought, with sizes and hashes (packaging.python.org, "Recording installed projects"). It
has none for itself: what the RECORDs were when the environment was finished is in its seal. In one of an earlier
version, without a seal, a RECORD is whole if it lists itself, METADATA and WHEEL, and nothing outside of it.

Compiled bytecode is not listed, so that what is in a `__pycache__` is not looked at.
"""

from __future__ import annotations

import csv
import glob
import hashlib
import os
import re
from collections.abc import Sequence

from provision.payload.records.files import as_listed, fault, plain, read, rights
from provision.payload.records.seal import Seal

#: Those whose digest has a length of its own: of `shake_*` a RECORD does not say how long it is.
_HASHES = {kind for kind in hashlib.algorithms_guaranteed if not kind.startswith("shake_")}
_SIZE = re.compile(r"[0-9]{1,18}\Z")


class Record:
    """The RECORD in the folder `package`. `why`: what is wrong with it; empty where it is whole. `paths`: of all that
    it lists, absolute; only those inside of the environment. `checked`: path → (name, hash, digest, size); `bytecode`:
    the same of what is compiled, which Python may have written anew. `names`: path → as the RECORD has it."""

    def __init__(self, site: str, package: str) -> None:
        self.site = site
        self.package = package
        self.why = ""
        self.paths: list[str] = []
        self.names: dict[str, str] = {}
        self.checked: dict[str, tuple[str, str, str, str]] = {}
        self.bytecode: dict[str, tuple[str, str, str, str]] = {}

    @property
    def name(self) -> str:
        return canonical(self.package)

    @property
    def file(self) -> str:
        return self.package + "/RECORD"

    def take(self, env: str, content: bytes) -> None:
        """Raises csv.Error."""
        text = content.decode("utf-8", "surrogateescape")
        for row in csv.reader(text.splitlines()):
            if not row:
                continue
            path = os.path.normpath(os.path.join(self.site, row[0]))
            if (
                len(row) != 3
                or "\0" in row[0]
                or os.path.isabs(row[0])
                or not path.startswith(env + os.sep)
                or path == self.site
            ):
                self.why = "unreadable"
                continue
            self.names[path] = row[0]
            self.paths.append(path)
            kind, _, digest = row[1].partition("=")
            if digest and kind in _HASHES:
                known = self.bytecode if row[0].endswith(".pyc") else self.checked
                known[path] = (row[0], kind, digest, row[2] if _SIZE.match(row[2]) else "")
        own = {os.path.join(self.site, self.package, name) for name in ("METADATA", "WHEEL", "RECORD")}
        if not own <= self.names.keys():
            self.why = "unreadable"

    def correct(self, seal: Seal) -> None:
        """A wheel may bring a RECORD that says nothing of a file, or what is not so: the seal knows what it was."""
        for path, name in self.names.items():
            known = None if path.endswith(("/RECORD", ".pyc")) else seal.digest(path)
            if known is not None:
                self.checked[path] = (name, "sha256", as_listed(bytes.fromhex(known)), "")


class Site:
    """What a site-packages folder holds. `faults`: package → what is wrong → names of its files."""

    def __init__(self, env: str, site: str, seal: Seal) -> None:
        self.env, self.site = env, site
        self.records = [
            self._record(os.path.basename(folder), seal)
            for folder in sorted(glob.glob(os.path.join(glob.escape(site), "*.dist-info")))
        ]
        self.faults: dict[str, dict[str, list[str]]] = {}
        for record in self.records:
            if record.why:
                self.faults[record.package] = {record.why: [record.file]}

    def _record(self, package: str, seal: Seal) -> Record:
        record = Record(self.site, package)
        path = os.path.join(self.site, record.file)
        try:
            if not plain(path):
                raise OSError("no file, or not readable for all")
            content = read(path)
            record.take(self.env, content)
        except (OSError, csv.Error):
            record.why = "unreadable"
            return record
        if seal.knows(path):
            # A wheel may bring one that lists less: what counts is that it is the one that was installed.
            record.why = "" if seal.holds(path, content) else "edited"
        record.correct(seal)
        return record

    @property
    def unread(self) -> bool:
        """Where a RECORD is not whole, nobody knows whose a file is."""
        return any(record.why for record in self.records)

    @property
    def owned(self) -> set[str]:
        return {path for record in self.records for path in record.paths}

    def check(self) -> None:
        """Every file against its hash. Of packages that share one (namespaces) any's will do, since they overwrite one
        another's, and the first of them brings it back."""
        way, listed, told = Way(self.env), together(self.records), set()
        programs = os.path.join(self.env, "bin") + os.sep
        for record in self.records:
            for path, (name, *_) in {} if record.why else record.checked.items():
                what = "" if path in told else way(path) or fault(path, listed[path]) or rights(path)
                if not what and path.startswith(programs) and not os.access(path, os.X_OK):
                    what = "not executable"
                if what:
                    told.add(path)
                    self.faults.setdefault(record.package, {}).setdefault(what, []).append(name)


class Way:
    """What is wrong with the folders that lead to a path: one is a link, and whatever is done there is done elsewhere,
    or those whom the environment is for cannot look into it, or others can change what is in it. Empty for nothing."""

    def __init__(self, env: str) -> None:
        self._env = env
        self._seen = {os.path.dirname(env): ""}

    def __call__(self, path: str) -> str:
        folder = os.path.dirname(path)
        if folder not in self._seen:
            self._seen[folder] = self(folder) or ("a link" if self._leads_on(folder) else rights(folder))
        return self._seen[folder]

    def _leads_on(self, folder: str) -> bool:
        """The environment itself may be one."""
        return folder != self._env and os.path.islink(folder)


def together(records: Sequence[Record]) -> dict[str, list[tuple[str, str, str]]]:
    """Path → hash, digest and size, as each of `records` that is whole has it."""
    listed: dict[str, list[tuple[str, str, str]]] = {}
    for record in records:
        for path, (_, *known) in {} if record.why else record.checked.items():
            listed.setdefault(path, []).append((known[0], known[1], known[2]))
    return listed


def sites(env: str, seal: Seal) -> list[Site]:
    found = glob.glob(os.path.join(glob.escape(env), "lib", "python3*", "site-packages"))
    return [Site(env, place, seal) for place in sorted(found)]


def led_away(env: str) -> str:
    """A folder that all of it lies in, and is a link by now: what is done there is done elsewhere. Empty for none."""
    return next((os.path.relpath(place, env) for place in _folders(env)[1:] if os.path.islink(place)), "")


def unsound(env: str) -> str:
    """What is wrong with the folders that all of it lies in; empty for nothing."""
    away = led_away(env)
    if away:
        return f"its folder {away} is a link"
    wrong = ((os.path.relpath(place, env), rights(place)) for place in _folders(env))
    return next((f"{what}: its folder {name}".replace(" .", "") for name, what in wrong if what), "")


def _folders(env: str) -> list[str]:
    libraries = glob.glob(os.path.join(glob.escape(env), "lib", "python3*"))
    places = [env, os.path.join(env, "bin"), os.path.join(env, "lib"), *libraries]
    return [*places, *(os.path.join(place, "site-packages") for place in libraries)]


def canonical(package: str) -> str:
    """`Flask_Login-0.6.3.dist-info` → `flask-login`."""
    return re.sub(r"[-_.]+", "-", package.partition("-")[0]).lower()
