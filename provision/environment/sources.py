"""Packages that stand in a project's own files: `pyproject.toml`, `uv.lock` (docs.astral.sh/uv, "Project structure and
files") and `pylock.toml` (packaging.python.org, "pylock.toml specification")."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from provision.core.errors import LockError


def is_project_file(entry: str) -> bool:
    return entry.endswith(".toml") or Path(entry).name == "uv.lock"


def requirements_in(path: Path) -> list[str]:
    """What is asked for: of a project its dependencies, with their locked versions; of a pylock.toml all of it. Raises
    LockError."""
    document = _read(path)
    if path.name == "uv.lock":
        pins = _pins(document)
        return [_dependency(entry, pins) for entry in _root(document, path).get("dependencies", [])]
    if "lock-version" in document:
        return [_locked(entry, path) for entry in document.get("packages", [])]
    found = document.get("project", {}).get("dependencies")
    if not isinstance(found, list) or not found:
        raise LockError(f"`{path}` names no packages: it has no `project.dependencies`")
    return [str(line) for line in found]


def constraints_in(path: Path) -> list[str]:
    """The versions that a uv.lock has of all the rest, where there is one of each."""
    return [f"{name}=={version}" for name, version in _pins(_read(path)).items()] if path.name == "uv.lock" else []


def _read(path: Path) -> dict[str, Any]:
    try:
        tomllib = import_module("tomllib")
    except ModuleNotFoundError:
        raise LockError(
            f"`{path.name}` can be read with Python 3.11 or newer",
            hint="run provision with one, or export the file: `uv export -o requirements.txt`",
        ) from None
    try:
        return dict(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        why = (error.strerror or str(error)).lower() if isinstance(error, OSError) else str(error)
        raise LockError(f"`{path}` cannot be read: {why}") from error


def _pins(document: Mapping[str, Any]) -> dict[str, str]:
    """A package that has several versions, by platform or Python, is left to uv."""
    packages = [p for p in document.get("package", []) if "registry" in p.get("source", {}) and "version" in p]
    often = Counter(p["name"] for p in packages)
    return {p["name"]: p["version"] for p in packages if often[p["name"]] == 1}


def _root(document: Mapping[str, Any], path: Path) -> dict[str, Any]:
    for entry in document.get("package", []):
        source = entry.get("source", {})
        if "." in (source.get("virtual"), source.get("editable")):
            return dict(entry)
    raise LockError(f"`{path}` is the lock of no project, or of several", hint="name its pyproject.toml instead")


def _dependency(entry: Mapping[str, Any], pins: Mapping[str, str]) -> str:
    extras = f"[{','.join(entry['extra'])}]" if entry.get("extra") else ""
    version = entry.get("version") or pins.get(entry["name"], "")
    marker = f" ; {entry['marker']}" if entry.get("marker") else ""
    return f"{entry['name']}{extras}{f'=={version}' if version else ''}{marker}"


def _locked(entry: Mapping[str, Any], path: Path) -> str:
    name, marker = entry.get("name", ""), f" ; {entry['marker']}" if entry.get("marker") else ""
    vcs, archive = entry.get("vcs", {}), entry.get("archive", {})
    if vcs.get("url"):
        return f"{name} @ {vcs.get('type', 'git')}+{vcs['url']}@{vcs.get('commit-id', '')}{marker}"
    if archive.get("url"):
        return f"{name} @ {archive['url']}{marker}"
    if not entry.get("version"):
        raise LockError(f"`{path}` has `{name}` without a version, from a folder", hint="publish it, or name its wheel")
    return f"{name}=={entry['version']}{marker}"
