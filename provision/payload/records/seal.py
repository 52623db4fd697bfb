"""What was there when an environment was finished, beyond what a RECORD has hashes of: the RECORDs themselves, files of
packages whose RECORD has no hash of them or another one, and the files that no package brought, which decide what its
Python imports. The hash of this seal stands in the mark."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import re
from collections.abc import Collection, Iterator, Mapping

from provision.payload.records.files import digest, link, plain, read, sha256

MARK, SEAL = ".provision", ".provision.seal"

#: Of which files each package was to be made: what is the same in another environment is made of these.
PACKAGES = ".provision.packages"

#: What `uv venv` puts into `bin`; the Pythons are links.
_PROGRAM = r"(activate(\.\w+|_this\.py)?|deactivate\.bat|pydoc\.bat)\Z"
_PROGRAMS = re.compile(_PROGRAM)
_PYTHONS = re.compile(r"python(3(\.\d+)?)?\Z")
#: And beside the packages.
OURS = {"_virtualenv.py", "_virtualenv.pth"}
#: All of it, and what it is made of, as paths in the environment.
_FRAME = re.compile(
    rf"pyvenv\.cfg\Z|\.provision\.packages\Z|bin/{_PROGRAM}|lib/[^/]+/site-packages/_virtualenv\.(py|pth)\Z"
)


class Damaged(Exception):
    """The seal is not the one that was written."""


class Seal:
    """`files`: path in the environment → sha256. None of an environment that an earlier version built."""

    def __init__(self, env: str, written: str | None = None) -> None:
        """`written`: the hash of the seal; default: as the mark has it. Raises Damaged."""
        self.env = env
        self.files: dict[str, str] | None = None
        written = marked(env) if written is None else written
        if not written:
            return
        try:
            content = read(os.path.join(env, SEAL))
            if sha256(content) != written:
                raise Damaged
            self.files = dict(json.loads(content))
        except (OSError, ValueError, TypeError):
            raise Damaged from None

    def digest(self, path: str) -> str | None:
        """What sha256 a file had; None where that is not in here."""
        return (self.files or {}).get(os.path.relpath(path, self.env))

    def knows(self, path: str) -> bool:
        return self.digest(path) is not None

    def made(self, path: str) -> bool:
        """Of a name that `uv venv` uses: whether it did. Its links are not in here."""
        return self.files is None or self.knows(path) or bool(_PYTHONS.match(os.path.basename(path)))

    def holds(self, path: str, content: bytes) -> bool:
        """Whether a file is as it was, as far as is known."""
        known = self.digest(path)
        return known is None or known == sha256(content)

    def frame(self) -> Iterator[str]:
        """Files of the environment itself that are not as they were made."""
        for name in sorted(self.files or {}):
            if not _FRAME.match(name):
                continue
            path = os.path.join(self.env, name)
            try:
                if not plain(path) or not self.holds(path, read(path)):
                    yield name
            except OSError:
                yield name
        # Where the system's Python has its compiled packages there, it finds none otherwise.
        if self.files is not None and link(os.path.join(self.env, "lib64")) != "lib":
            yield "lib64"
        if self.files is not None and not os.path.lexists(os.path.join(self.env, "bin", "python3")):
            yield "bin/python3"
        python = os.path.realpath(os.path.join(self.env, "bin", "python"))
        for path in glob.glob(os.path.join(glob.escape(self.env), "bin", "python3*")):
            if _PYTHONS.match(os.path.basename(path)) and os.path.realpath(path) != python:
                yield os.path.relpath(path, self.env)


def marked(env: str) -> str:
    """The hash of the seal, which an earlier version did not write."""
    try:
        return ([*read(os.path.join(env, MARK)).decode("utf-8", "replace").splitlines(), *[""] * 4])[3]
    except OSError:
        return ""


def is_frame(name: str) -> bool:
    """Of a name in `bin`: whether it came with the environment."""
    return bool(_PROGRAMS.match(name) or _PYTHONS.match(name))


def frame_files(env: str) -> list[str]:
    inside = glob.escape(env)
    programs = [path for path in glob.glob(os.path.join(inside, "bin", "*")) if _PROGRAMS.match(os.path.basename(path))]
    site = os.path.join(inside, "lib", "python3*", "site-packages")
    beside = [path for name in sorted(OURS) for path in glob.glob(os.path.join(site, name))]
    packages = os.path.join(env, PACKAGES)
    origin = [packages] if os.path.lexists(packages) else []
    return [os.path.join(env, "pyvenv.cfg"), *origin, *programs, *beside]


def write(env: str, listed: Collection[str], kept: Mapping[str, str]) -> str:
    """Seals `env` as it is by now: `listed` (paths of packages), and what it is made of. Of `kept` it says what is said
    there. Returns the hash of the seal."""
    files = {}
    for path in [*frame_files(env), *listed]:
        # What cannot be read is somebody's change of just now, and missing from the seal, not made good by it.
        with contextlib.suppress(OSError):
            if not os.path.islink(path):
                files[os.path.relpath(path, env)] = digest(path)
    content = json.dumps({**files, **kept}, sort_keys=True, indent=0).encode()
    fresh = os.path.join(env, SEAL + ".new")
    with open(fresh, "wb") as file:
        file.write(content)
    os.replace(fresh, os.path.join(env, SEAL))
    return sha256(content)
