"""What `python.packages`, `constraints` and `overrides` ask for: requirements, and files of them, line by line.

An entry is a requirement, a file of a project's (provision.environment.sources), or a file of requirements (`*.txt`),
which is read in its place, as are those that it names with `-r` or `-c`, relative to itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from provision.core.errors import LockError
from provision.core.person import expanded as home_expanded
from provision.core.reading import read_given
from provision.core.regex import regex
from provision.core.values import dataclass
from provision.environment.sources import is_project_file, read_project
from provision.inventory.models import Python
from provision.inventory.packages import LISTS

#: pip's options that a file may hold, since they change nothing: hosts get wheels, by their hashes.
_IDLE = ("--require-hashes", "--only-binary", "--prefer-binary")

#: pip's options → what says the same.
_SETTINGS = (
    (("-i", "--index-url", "--pypi-url"), "`python.index`"),
    (("--extra-index-url", "--no-index"), "`python.extra_indexes`"),
    (("-f", "--find-links"), "`python.find_links`"),
    (("--pre",), "`python.prereleases: allow`"),
    (("--no-binary",), "`python.build: controller`"),
)

_NAMES_FILE = regex(r"(?:-r|--requirement|(-c|--constraint))(?:\s*=\s*|\s*)(\S.*)\Z")
_HASH = regex(r"\s+--hash[=\s]\s*(\S+)")
_SHA256 = regex(r"sha256:[0-9a-f]{64}\Z")
_DIRECT = regex(r"(?P<name>[A-Za-z0-9][\w.-]*(?:\s*\[[^]]*\])?)\s*@\s*(?P<where>\S.*?)(?P<rest>\s+[;#].*|)\Z")


@dataclass(frozen=True)
class Entry:
    """One requirement. `folder`: what a path in it is relative to. `hashes`: of the files that it may be, empty for
    any. `rules`: it only says which version, if something else needs the package."""

    text: str
    folder: Path
    hashes: tuple[str, ...] = ()
    rules: bool = False

    @property
    def absolute(self) -> str:
        """For uv, which reads it in another folder. In the lock's inputs it stays as it was written: a lock is the same
        on every controller."""
        direct = _DIRECT.match(self.text)
        where = direct["where"] if direct else self.text
        # Where it is a file by its address, the hash goes along in that.
        if direct and self.hashes and "sha256=" not in where:
            where += f"{'&' if '#' in where else '#'}{self.hashes[0].replace(':', '=')}"
            text = f"{direct['name']} @ {where}{direct['rest']}"
            return Entry(text, self.folder).absolute
        if "://" in where or where.startswith("git+") or (direct is None and not where.startswith((".", "/", "~"))):
            return self.text
        path, _, about = where.removeprefix("file:").partition("#")
        place = (self.folder / home_expanded(path)).resolve().as_uri() + (f"#{about}" if about else "")
        return f"{direct['name']} @ {place}{direct['rest']}" if direct else place


def entries(items: Sequence[str], base: Path) -> list[Entry]:
    """Raises LockError."""
    found: list[Entry] = []
    for item in items:
        path = base / home_expanded(item)
        if is_project_file(item):
            asked, ruling, hashes = read_project(path)
            found += [Entry(line, path.parent, hashes.get(_key(line), ())) for line in asked]
            found += [Entry(line, path.parent, hashes.get(_key(line), ()), rules=True) for line in ruling]
        else:
            found += _of_file(path, ()) if item.endswith(LISTS) else [Entry(item, base)]
    return found


def written(items: Sequence[str], base: Path) -> list[str]:
    """All that stands there, as it is written. Raises LockError."""
    return [" --hash=".join([e.text, *e.hashes]) for e in entries(items, base)]


def expanded(items: Sequence[str], base: Path) -> list[str]:
    """What is asked for, as written, without hashes. Raises LockError."""
    return [e.text for e in entries(items, base) if not e.rules]


def lines_for_uv(items: Sequence[str], base: Path, *, rules: bool = False) -> list[str]:
    """What is asked for, or what only rules."""
    return [e.absolute for e in entries(items, base) if e.rules == rules]


def asked_by_settings(python: Python, base: Path) -> dict[tuple[str, str], str]:
    """Setting of the inventory and normalized name → the requirement, where it says more than the name."""
    found: dict[tuple[str, str], str] = {}
    for setting in ("packages", "constraints", "overrides"):
        for entry in entries(getattr(python, setting), base):
            match = re.match(r"([A-Za-z0-9][\w.-]*)(\s*\[[^]]*\])?\s*([@=<>!~].*)?", entry.text)
            if match and match[3]:
                found.setdefault((f"python.{setting}", canonicalize_name(match[1])), entry.text)
    return found


def promised(items: Sequence[str], base: Path) -> Mapping[tuple[str, str], frozenset[str]]:
    """Normalized name and version → sha256 of the files that it may be, where a file of requirements says so."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for entry in entries(items, base):
        key = _key(entry.text)
        if entry.hashes and key[1]:
            found[key] = found.get(key, frozenset()) | frozenset(entry.hashes)
    return found


def _key(line: str) -> tuple[str, str]:
    """Of `name[extra]==version ; marker`; the version is empty where none is pinned."""
    try:
        asked = Requirement(line)
    except InvalidRequirement:
        return "", ""
    pins = [s.version for s in asked.specifier if s.operator in ("==", "===") and not s.version.endswith(".*")]
    return canonicalize_name(asked.name), pins[0] if pins else ""


def _of_file(path: Path, within: tuple[Path, ...]) -> list[Entry]:
    """`within`: the files that led here."""
    path = path.resolve()
    if path in within:
        raise LockError(f"`{path}` names itself, by {' → '.join(f'`{file.name}`' for file in within)}")
    try:
        text = read_given(path).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = (error.strerror or str(error)).lower() if isinstance(error, OSError) else "this is no text in UTF-8"
        named = f", which `{within[-1].name}` names," if within else ""
        raise LockError(f"`{path}`{named} cannot be read: {why}") from error
    found: list[Entry] = []
    for number, line in _logical(text):
        if other := _NAMES_FILE.match(line):
            if "://" in other[2]:
                said = f"{path}:{number}: `{other[2]}` is an address, expected a file of this machine"
                raise LockError(said, hint="download it, and name that file")
            more = _of_file(path.parent / home_expanded(other[2]), (*within, path))
            found += [replace(entry, rules=entry.rules or bool(other[1])) for entry in more]
        elif line.startswith("-"):
            _refuse_option(line, f"{path}:{number}")
        else:
            hashes = _hashes(line, f"{path}:{number}")
            found.append(Entry(_HASH.sub("", line).strip(), path.parent, hashes))
    return found


def _hashes(line: str, place: str) -> tuple[str, ...]:
    """Raises LockError where they could not be compared with what is locked."""
    named = [digest.lower() for digest in _HASH.findall(line)]
    hashes = tuple(digest for digest in named if _SHA256.match(digest))
    wrong = [digest for digest in named if digest.startswith("sha256:") and not _SHA256.match(digest)]
    if wrong or (named and not hashes):
        said = f"{place}: `--hash={(wrong or named)[0]}` is no sha256 of a file, and no other hash is checked"
        raise LockError(said, hint="write `--hash=sha256:…`, with 64 digits, or leave it out")
    text = _HASH.sub("", line).strip()
    direct = _DIRECT.match(text)
    if direct and hashes and (len(hashes) > 1 or direct["where"].startswith("git+")):
        said = f"{place}: `{direct['where']}` has {len(hashes)} `--hash`, expected one, and that only of a file"
        raise LockError(said, hint="leave out what is not the hash of that file")
    if hashes and not direct and not _key(text)[1]:
        said = f"{place}: `{text}` has a hash and no version, so that another file may be meant tomorrow"
        raise LockError(said, hint="name the version: `name==1.2.3 --hash=sha256:…`")
    return hashes


def _logical(text: str) -> Iterator[tuple[int, str]]:
    """Number and line, with what a backslash continues, without comments and blank lines."""
    parts: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        plain = re.sub(r"(^|\s)#.*", "", line).strip()
        parts.append(plain.removesuffix("\\").strip())
        if not plain.endswith("\\"):
            joined = " ".join(part for part in parts if part)
            if joined:
                yield number - len(parts) + 1, joined
            parts = []
    if any(parts):
        yield len(text.splitlines()), " ".join(part for part in parts if part)


def _refuse_option(line: str, place: str) -> None:
    option = re.split(r"[\s=]", line)[0]
    if option in _IDLE:
        return
    if option in ("-e", "--editable"):
        raise LockError(
            f"{place}: `{line}` is editable, which on a host nothing can be",
            hint="leave it out (`uv export --no-emit-project`), or name its folder: `name @ ./folder`",
        )
    setting = next((setting for names, setting in _SETTINGS if option in names), "")
    raise LockError(
        f"{place}: `{option}` is an option of pip's, which counts for nothing here",
        hint=f"delete the line, and set {setting} in the inventory" if setting else "delete the line",
    )
