"""Packages that stand in a project's own files: `pyproject.toml`, `uv.lock` (docs.astral.sh/uv, "Project structure and
files" and "Dependencies") and `pylock.toml` (packaging.python.org, "pylock.toml specification")."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from provision.core.errors import LockError
from provision.core.reading import read_given

#: Normalized name and version → sha256 of its files.
Hashes = dict[tuple[str, str], tuple[str, ...]]

_EXPORT = "export the project, and name that file instead: `uv export --no-emit-project -o requirements.txt`"


def is_project_file(entry: str) -> bool:
    return entry.endswith(".toml") or Path(entry).name == "uv.lock"


def read_project(path: Path) -> tuple[list[str], list[str], Hashes]:
    """What is asked for (of a project its dependencies, of a pylock.toml all of it), which versions the rest has to
    have, and the files that they may be. Raises LockError."""
    document = _read(path)
    try:
        return _asked(document, path)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        said = f"`{path}` is not as such a file is written ({type(error).__name__}: {error})"
        raise LockError(said, hint=_EXPORT) from None


def _asked(document: Mapping[str, Any], path: Path) -> tuple[list[str], list[str], Hashes]:
    word = "version" if path.name == "uv.lock" else "lock-version"
    if str(document.get(word, 1)).split(".")[0] != "1":
        said = f"`{path}` has `{word}` {document[word]}, which is not known here: expected 1"
        raise LockError(said, hint=_EXPORT)
    if path.name == "uv.lock":
        chosen = _chosen(document)
        asked = [_dependency(entry, chosen, path) for entry in _root(document, path).get("dependencies", [])]
        ruling = [_pin(package, path) for package in chosen.values() if _is_elsewhere(package)]
        return asked, ruling, _hashes(document.get("package", []))
    if "lock-version" in document:
        packages = document.get("packages", [])
        return [_locked(entry, path) for entry in packages], [], _hashes(packages)
    found = document.get("project", {}).get("dependencies")
    if not isinstance(found, list) or not found:
        raise LockError(f"`{path}` names no packages: it has no `project.dependencies`")
    named = document.get("tool", {}).get("uv", {}).get("sources", {})
    sources: dict[str, Any] = {canonicalize_name(name): source for name, source in named.items()}
    if not all(isinstance(line, str) for line in found):
        raise TypeError("`project.dependencies` are no texts")
    return [_from_source(line, sources, path) for line in found], [], {}


def _hashes(packages: Sequence[Mapping[str, Any]]) -> Hashes:
    found: Hashes = {}
    for package in packages:
        files = [*package.get("wheels", []), package.get("sdist") or {}]
        digests = [file.get("hash") or _sha256(file.get("hashes", {})) for file in files]
        named = tuple(digest for digest in digests if str(digest).startswith("sha256:"))
        if named and "version" in package:
            # Of an address the requirement names no version.
            source = package.get("source", {})
            version = "" if "url" in source or "path" in source else package["version"]
            found[canonicalize_name(package["name"]), version] = named
    return found


def _sha256(hashes: Mapping[str, str]) -> str:
    return f"sha256:{hashes['sha256']}" if "sha256" in hashes else ""


def _read(path: Path) -> dict[str, Any]:
    try:
        tomllib = import_module("tomllib")
    except ModuleNotFoundError:
        raise LockError(
            f"`{path.name}` can be read with Python 3.11 or newer",
            hint="run provision with one, or export the file: `uv export -o requirements.txt`",
        ) from None
    try:
        return dict(tomllib.loads(read_given(path).decode("utf-8-sig")))
    except (OSError, ValueError) as error:
        why = (error.strerror or str(error)).lower() if isinstance(error, OSError) else str(error)
        raise LockError(f"`{path}` cannot be read: {why}") from error


def _chosen(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Name → the package. One that has several versions, by platform or Python, is left to uv."""
    packages = [dict(package) for package in document.get("package", [])]
    often = Counter(package["name"] for package in packages)
    return {package["name"]: package for package in packages if often[package["name"]] == 1}


def _is_elsewhere(package: Mapping[str, Any]) -> bool:
    """Whether it is a package, and none of the project's own members."""
    source = package.get("source", {})
    return "registry" in source or any(kind in source for kind in ("git", "url", "path"))


def _root(document: Mapping[str, Any], path: Path) -> dict[str, Any]:
    for entry in document.get("package", []):
        source = entry.get("source", {})
        if "." in (source.get("virtual"), source.get("editable")):
            return dict(entry)
    raise LockError(f"`{path}` is the lock of no project, or of several", hint="name its pyproject.toml instead")


def _dependency(entry: Mapping[str, Any], chosen: Mapping[str, Mapping[str, Any]], path: Path) -> str:
    """A dependency that is of several versions says itself which one, and where it is from."""
    package = {**chosen.get(entry["name"], {}), **{k: entry[k] for k in ("version", "source") if k in entry}}
    extras = f"[{','.join(entry['extra'])}]" if entry.get("extra") else ""
    return _pin({**package, "name": f"{entry['name']}{extras}"}, path) + _marker(entry)


def _pin(package: Mapping[str, Any], path: Path) -> str:
    name, source = package["name"], package.get("source", {"registry": ""})
    if "registry" in source:
        return f"{name}=={package['version']}" if package.get("version") else name
    if "git" in source:
        parts = urlsplit(source["git"])
        place = urlunsplit(parts._replace(query="", fragment=""))
        folder = parse_qs(parts.query).get("subdirectory", [""])[0]
        return f"{name} @ git+{place}@{parts.fragment}{f'#subdirectory={folder}' if folder else ''}"
    if "url" in source:
        return f"{name} @ {source['url']}"
    # The folder of a member, or a file, relative to the lock.
    place = next((source[kind] for kind in ("path", "directory", "editable") if kind in source), "")
    if not place:
        raise LockError(f"`{path}` has `{name}` from a source that is not known here", hint=_EXPORT)
    return f"{name} @ ./{place}"


def _marker(entry: Mapping[str, Any]) -> str:
    return f" ; {entry['marker']}" if entry.get("marker") else ""


def _from_source(line: str, sources: Mapping[str, Any], path: Path) -> str:
    """What `tool.uv.sources` of a pyproject.toml says of where a dependency is from."""
    try:
        asked = Requirement(line)
    except InvalidRequirement:
        return line
    source = sources.get(canonicalize_name(asked.name))
    if source is None:
        return line
    name = f"{asked.name}[{','.join(sorted(asked.extras))}]" if asked.extras else asked.name
    marker = f" ; {asked.marker}" if asked.marker else ""
    known = isinstance(source, dict) and "marker" not in source
    if known and "git" in source:
        named = next((f"@{source[kind]}" for kind in ("rev", "tag", "branch") if kind in source), "")
        folder = f"#subdirectory={source['subdirectory']}" if "subdirectory" in source else ""
        return f"{name} @ git+{source['git'].removeprefix('git+')}{named}{folder}{marker}"
    if known and "url" in source:
        folder = f"#subdirectory={source['subdirectory']}" if "subdirectory" in source else ""
        return f"{name} @ {source['url']}{folder}{marker}"
    if known and "path" in source:
        return (
            f"{name} @ ./{source['path']}{marker}"
            if not source["path"].startswith(("/", "~"))
            else (f"{name} @ {source['path']}{marker}")
        )
    raise LockError(
        f"`{path}` takes `{asked.name}` from an index or a workspace of `tool.uv.sources`, which do not count",
        hint=f"say it in `python.index`, `extra_indexes` or `torch_backend`, and {_EXPORT}",
    )


def _locked(entry: Mapping[str, Any], path: Path) -> str:
    name, marker = entry["name"], _marker(entry)
    vcs, archive = entry.get("vcs", {}), entry.get("archive", {})
    if vcs.get("url"):
        folder = f"#subdirectory={vcs['subdirectory']}" if vcs.get("subdirectory") else ""
        return f"{name} @ {vcs.get('type', 'git')}+{vcs['url']}@{vcs.get('commit-id', '')}{folder}{marker}"
    if archive.get("url") or archive.get("path"):
        digest = archive.get("hashes", {}).get("sha256")
        place = archive.get("url") or f"./{archive['path']}"
        return f"{name} @ {place}{f'#sha256={digest}' if digest else ''}{marker}"
    if not entry.get("version"):
        raise LockError(f"`{path}` has `{name}` without a version, from a folder", hint="publish it, or name its wheel")
    return f"{name}=={entry['version']}{marker}"
