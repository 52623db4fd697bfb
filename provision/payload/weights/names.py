"""Which names of files may be used: a hub, a mirror or a manifest could name whatever lies elsewhere on a host."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator

#: Bytes of a whole name, and of one part of it (NAME_MAX of Linux).
LONGEST, LONGEST_PART = 1024, 255

#: Names below a model's folder that begin so are ours: what is on its way, what was written.
OWN = ".provision-"

#: Categories of Unicode that nobody sees, or that change how the rest is shown: controls, directions, separators.
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}

#: Letters and marks that show nothing (Default_Ignorable_Code_Point, apart from the categories above).
_BLANK = {*"\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0", *map(chr, range(0xFE00, 0xFE10))}


def leaves(name: str) -> str:
    """Why `name` is no path of a file below a folder; empty if it is one."""
    if not name:
        return "it is empty"
    if "\0" in name or "\n" in name:
        return "it holds a character that no name may hold"
    if name.startswith("/"):
        return "it is absolute"
    parts = name.split("/")
    if ".." in parts:
        return "it leads out of the folder"
    if "" in parts or "." in parts:
        return "it is no plain path"
    return ""


def fault(name: str) -> str:
    """Why a file that comes from elsewhere may not be called `name`; empty if it may."""
    if why := leaves(name):
        return why
    if "\\" in name:
        return "it holds a backslash"
    if any(_unseen(character) for character in name):
        return "it holds a character that is not shown"
    parts = name.split("/")
    if any(part != part.strip() for part in parts):
        return "it begins or ends with a blank"
    size = name.encode("utf-8", "surrogatepass")
    if len(size) > LONGEST or any(len(part.encode("utf-8", "surrogatepass")) > LONGEST_PART for part in parts):
        return "it is too long"
    return ""


def clashes(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Pairs of names that cannot lie beside each other everywhere: the same but for case or composition, or one of
    them a file where the other needs a folder."""
    by_key: dict[str, str] = {}
    for name in sorted(names):
        key = _key(name)
        if key in by_key:
            yield by_key[key], name
        by_key.setdefault(key, name)
    for key, name in by_key.items():
        above = key.rpartition("/")[0]
        while above:
            if above in by_key:
                yield by_key[above], name
            above = above.rpartition("/")[0]


def _unseen(character: str) -> bool:
    if character.isascii():
        return not character.isprintable()
    return unicodedata.category(character) in _UNSEEN or character.isspace() or character in _BLANK


def _key(name: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
