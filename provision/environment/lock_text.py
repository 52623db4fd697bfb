"""The text of a lock, where it can be one: what git, an editor or a full disk made of it is named with its line.

Its packages are not looked at here.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shlex
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from provision.core.errors import LockError
from provision.core.reading import kind_of, read_kept
from provision.core.regex import regex

#: What to type whatever is wrong with a lock: nothing of it is needed to make another.
REMAKE = "run `provision lock`"

# https://git-scm.com/docs/git-merge#_how_conflicts_are_presented: seven characters, or more by an attribute.
_CONFLICT = regex(r"(<{7,}|>{7,}|\|{7,})( |$)|={7,}$")


class LockBroken(LockError):
    """There is a file, and no lock in it: `provision lock` replaces it, and `down` needs none."""


def lock_text(path: Path) -> str:
    """Raises FileNotFoundError; LockBroken for what is no text, or cannot be read."""
    try:
        data = read_kept(path)
    except FileNotFoundError:
        raise
    except IsADirectoryError:
        raise LockBroken(f"`{path}` is a folder, expected a lock", hint=REMAKE) from None
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        # Nothing can be written through a link to itself.
        hint = f"`rm {shlex.quote(str(path))}`, then {REMAKE}" if error.errno == errno.ELOOP else REMAKE
        raise LockBroken(f"`{path}` cannot be read: {why}", hint=hint) from error
    try:
        # An editor's mark in front of the text is none of its words.
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise LockBroken(f"{path}:{line}: this is no text in UTF-8", hint=REMAKE) from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise LockBroken(f"{path}:{line}: there is a NUL character, expected text", hint=REMAKE)
    return text


def refuse_conflict(text: str, path: Path) -> None:
    """Raises LockBroken for what a merge left to be settled by hand."""
    for number, line in enumerate(text.splitlines(), 1):
        if _CONFLICT.match(line):
            raise LockBroken(f"{path}:{number}: `{line[:40]}` is a merge conflict that is not settled", hint=REMAKE)


def refuse_truncated(text: str, header: Mapping[str, str], packages: int, path: Path) -> None:
    """Raises LockBroken if the file holds fewer or more packages than it was written with. Locks of before this was
    written down are believed."""
    said = header.get("packages", "")
    if said.isascii() and said.isdecimal() and int(said) != packages:
        lines = text.count("\n") + (not text.endswith("\n"))
        raise LockBroken(
            f"{path}:{lines}: it ends with {packages} packages, and was written with {said}: a part of it is missing"
            if packages < int(said)
            else f"`{path}` holds {packages} packages, and was written with {said}",
            hint=REMAKE,
        )


def is_sealed(text: str) -> bool:
    """Whether it has its digest: whoever takes that line out could change all the rest. Locks of before it was written
    down are without it, too."""
    return bool(header_of(text).get("digest"))


def refuse_unbuilt(header: Mapping[str, str], digests: Collection[str], path: Path) -> None:
    """Raises LockBroken where what was built, by the header's word, is none of the files `digests`."""
    try:
        found = json.loads(header.get("built", "{}"))
        sound = isinstance(found, dict) and {f"sha256:{digest}" for digest in found} <= {*digests}
    except ValueError:
        sound = False
    if not sound:
        raise LockBroken(f"`{path}`: its line `# built: …` is not as `provision lock` wrote it", hint=REMAKE)


def move_folder_aside(path: Path, say: Callable[[str], None] | None) -> None:
    """A folder in the lock's place is somebody's: it keeps what is in it. So is whatever else is no file. Raises
    OSError."""
    if not path.exists() or not (kind := kind_of(path.stat().st_mode)):
        return
    kind = kind.removeprefix("a ")
    names = (path.with_name(f"{path.name}.{kind.split()[-1]}{n or ''}") for n in range(100))
    aside = next(name for name in names if not os.path.lexists(name))
    path.rename(aside)
    if say:
        say(f"the {kind} `{path.name}` is `{aside.name}` by now")


def header_of(text: str) -> dict[str, str]:
    """`# key: value` of the first lines."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("# "):
            break
        key, sep, value = line[2:].partition(": ")
        if sep:
            found[key] = value.strip()
    return found


def logical_lines(text: str) -> list[tuple[int, str]]:
    """(number of the first line, the line with its continuations), without comments."""
    found: list[tuple[int, str]] = []
    parts: list[str] = []
    start = 0
    for number, line in enumerate(text.splitlines(), 1):
        start = start if parts else number
        plain = re.sub(r"(^|\s)#.*", "", line).strip()
        parts.append(plain.removesuffix("\\").strip())
        if not plain.endswith("\\"):
            joined = " ".join(part for part in parts if part)
            if joined:
                found.append((start, joined))
            parts = []
    rest = " ".join(part for part in parts if part)
    return [*found, (start, rest)] if rest else found
