"""Folders and files of this machine that a requirement names, told by what is in them.

A build may leave its own files in the folder that it is made of, and take them for sources the next time: so it is a
copy that is built.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from provision.core.errors import LockError
from provision.environment.cache import sha256_of

#: What tools leave, and nobody ships.
_LEFT = ("__pycache__", "*.egg-info", ".venv", ".tox", ".mypy_cache", ".pytest_cache", ".ruff_cache")

#: Beside a copy: what was in it, and of which folder it is one.
_TOLD = ".provision-told"

#: Of a repository what a version is made of.
_REPOSITORY = ("HEAD", "refs", "packed-refs")


def local(first: str) -> Path | None:
    """The folder or file of `name @ file:///…` that is no repository."""
    where = first.partition(" @ ")[2] or first
    return Path(unquote(urlsplit(where.split()[0]).path)) if where.startswith("file:") else None


def copied(line: str, into: Path) -> str:
    """The requirement with a copy in place of a folder."""
    path = local(line)
    if path is None or not path.is_dir():
        return line
    fresh = Path(tempfile.mkdtemp(dir=_made(into)))
    target = fresh / path.name
    try:
        shutil.copytree(path, target, symlinks=True, ignore=shutil.ignore_patterns(*_LEFT))
    except (shutil.Error, OSError) as error:
        said = error.args[0][0][2] if isinstance(error, shutil.Error) else str(error)
        raise LockError(f"`{path}` cannot be copied to be built: {said}", hint="take that out of the folder") from error
    for left in ("lib", *(place.name for place in (target / "build").glob("bdist.*"))):
        shutil.rmtree(target / "build" / left, ignore_errors=True)
    # Told before a build changes it.
    (fresh / _TOLD).write_text(f"{content(target)}\n{path}", encoding="utf-8")
    # Elsewhere they would lead to nothing.
    for link in _leading_out(target):
        there = (path / link.relative_to(target)).resolve()
        link.unlink()
        link.symlink_to(there)
    return _at(line, target)


def pristine(stanza: str, into: Path) -> str:
    """The requirement with another copy, where a build was at work in one."""
    path = local(stanza)
    told = path.parent / _TOLD if path else None
    if told is None or not told.is_file():
        return stanza
    return copied(_at(stanza, Path(told.read_text(encoding="utf-8").partition("\n")[2])), into)


def told(path: Path) -> str:
    """Tells what is in a file, or was in a folder that was copied, from anything else."""
    note = path.parent / _TOLD
    return note.read_text(encoding="utf-8").partition("\n")[0] if note.is_file() else content(path)


def _at(line: str, path: Path) -> str:
    uri = next(word for word in line.split() if word.startswith("file:"))
    return line.replace(uri.split("#")[0], path.as_uri(), 1)


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def content(path: Path) -> str:
    """Tells a file, or all that is in a folder, from any other."""
    if not path.is_dir():
        return f"sha256:{sha256_of(path)}"
    digest = hashlib.sha256()
    for file in sorted(_files(path)):
        name = os.fsencode(file.relative_to(path))
        about = f"to {file.readlink()}" if file.is_symlink() else sha256_of(file)
        digest.update(b"%d %s %s\n" % (len(name), name, os.fsencode(about)))
    return f"sha256:{digest.hexdigest()}"


def _leading_out(folder: Path) -> list[Path]:
    """Links of a copy that led out of the folder, relative to where it is."""
    links = [link for link in folder.rglob("*") if link.is_symlink() and not link.readlink().is_absolute()]
    return [link for link in links if folder not in Path(os.path.normpath(link.parent / link.readlink())).parents]


def _files(folder: Path) -> Iterator[Path]:
    for file in folder.rglob("*"):
        parts = file.relative_to(folder).parts
        if parts[0] == ".git" and (len(parts) < 2 or parts[1] not in _REPOSITORY):
            continue
        if file.is_symlink() or file.is_file():
            yield file
