"""The commits of git that a lock was made from: a branch that moved since moves nothing, until it is asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from packaging.utils import canonicalize_name

from provision.core.regex import regex
from provision.environment.requirement_files import entries, lines_for_uv
from provision.inventory.models import Python

_GIT = regex(r"(?P<name>[\w.-]+)(?P<extras>\s*\[[^]]*\])?\s*@\s*git\+(?P<url>[^\s#]+)(?P<rest>.*)\Z", re.DOTALL)


#: The line of a lock's header: what is asked for of git, by name, as JSON.
HEADER = "git"


def of_git(python: Python, base: Path) -> dict[str, str]:
    """Normalized name → the requirement, as it is written."""
    found = ((_GIT.match(e.text), e.text) for e in entries(python.packages, base) if not e.rules)
    return {canonicalize_name(match["name"]): text for match, text in found if match}


def still_asked(asked: Mapping[str, str], header: Mapping[str, str], same: bool) -> Collection[str]:
    """The names for which the lock with this header was made from the same words. `same`: whether all of its packages
    are; an older lock says no more."""
    try:
        before = json.loads(header[HEADER])
        return {name for name, text in asked.items() if before.get(name) == text}
    except (AttributeError, KeyError, ValueError):
        return asked.keys() if same else ()


def at_commits(python: Python, base: Path, sources: Iterable[str], only: Collection[str]) -> Python:
    """`python` with the commits of `sources`, what the wheels of the lock of before were built from, of the packages
    `only`."""
    known: dict[tuple[str, str], str] = {}
    for source in sources:
        if found := _GIT.match(source):
            place, commit = _parts(found["url"])
            if canonicalize_name(found["name"]) in only:
                known[canonicalize_name(found["name"]), place] = commit
    lines = lines_for_uv(python.packages, base)
    pinned = tuple(_at(line, known) for line in lines)
    if pinned == tuple(lines):
        return python
    ruling = (*python.constraints, *lines_for_uv(python.packages, base, rules=True))
    return python.model_copy(update={"packages": pinned, "constraints": ruling})


def _at(line: str, known: dict[tuple[str, str], str]) -> str:
    found = _GIT.match(line)
    place = _parts(found["url"])[0] if found else ""
    commit = known.get((canonicalize_name(found["name"]), place), "") if found else ""
    if not found or not commit:
        return line
    return f"{found['name']}{found['extras'] or ''} @ git+{place}@{commit}{found['rest']}"


def _parts(url: str) -> tuple[str, str]:
    """The repository, and what of it: a commit, a tag, a branch."""
    parts = urlsplit(url)
    path, _, ref = parts.path.partition("@")
    return urlunsplit(parts._replace(path=path)), ref
