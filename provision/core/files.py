"""Writing a file whole or not at all: a reader sees the old one or the new one, never half of it."""

from __future__ import annotations

import os
import secrets
import shlex
import stat
from pathlib import Path

from provision.core.errors import UsageError
from provision.core.private import owner
from provision.core.reading import NotAFile, kind_of
from provision.core.regex import regex

#: As many links as the kernel follows on one path.
_LINKS = 40

_OPEN_FILE = regex(r"/proc/(\d+)/fd/(\d+)")


def write_whole(path: Path, text: str, *, mode: int = 0o600, kept: bool = False) -> None:
    """A link of ours stays a link, and the mode of a file of ours stays, but for others' right to write; a new one gets
    `mode`, less what the umask takes. Somebody else's link is replaced. What is no ordinary file (/dev/stdout) is
    written to directly, unless it is `kept`, where it is NotAFile. Raises OSError, also for somebody else's link on the
    way."""
    data = text.encode("utf-8", "replace")
    place, there = _place(path)
    if kept and there is not None and not stat.S_ISLNK(there.st_mode) and (kind := kind_of(there.st_mode)):
        raise NotAFile(kind, path)
    if _write_open(place, there, data):
        return
    # Nobody can have foreseen the name, and nothing that is there already is opened.
    fresh = place.with_name(f".provision-{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if there is not None and stat.S_ISREG(there.st_mode) and there.st_uid == os.geteuid():
                os.fchmod(descriptor, there.st_mode & 0o755)
            file.write(data)
        fresh.replace(place)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def followed(path: Path) -> Path:
    """Where `path` leads, by links that we or root made. Raises PermissionError for another user's link."""
    place, there = _place(path)
    if there is not None and stat.S_ISLNK(there.st_mode):
        raise PermissionError(1, f"`{place}` is a link that {owner(there.st_uid)} made")
    return place


def _write_open(place: Path, there: os.stat_result | None, data: bytes) -> bool:
    """Whether it was written: to what this process holds open, or to a device or pipe."""
    held = _held(place)
    if held is not None:
        descriptor = os.dup(held)
    elif there is not None and not (stat.S_ISREG(there.st_mode) or stat.S_ISLNK(there.st_mode)):
        if there.st_uid not in (0, os.geteuid()):
            raise PermissionError(1, f"`{place}` belongs to {owner(there.st_uid)}")
        descriptor = os.open(place, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    else:
        return False
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    return True


def _place(path: Path) -> tuple[Path, os.stat_result | None]:
    """Where `path` leads by links that we or root made, and what is there now. The last part is a link only if it is
    somebody else's. Raises PermissionError for such a link on the way."""
    parts = list(reversed(path.absolute().parts[1:]))
    at, links = Path("/"), 0
    while parts:
        part = parts.pop()
        if part == "..":
            at = at.parent
            continue
        at = at / part
        try:
            seen = at.lstat()
        except FileNotFoundError:
            return at.joinpath(*reversed(parts)), None
        if not parts and (not stat.S_ISLNK(seen.st_mode) or _strange(seen) or _held(at) is not None):
            return at, seen
        if not stat.S_ISLNK(seen.st_mode):
            continue
        if _strange(seen):
            raise PermissionError(1, f"`{at}` is a link that {owner(seen.st_uid)} made")
        links += 1
        if links > _LINKS:
            raise OSError(40, os.strerror(40), str(path))
        target = Path(os.readlink(at))  # noqa: PTH115 - the same on all versions of Python
        at = Path("/") if target.is_absolute() else at.parent
        parts += reversed(target.parts[1:] if target.is_absolute() else target.parts)
    return at, at.lstat()


def _held(place: Path) -> int | None:
    """The descriptor of our own that `place` names: /dev/stdout is a link to a link to it."""
    found = _OPEN_FILE.fullmatch(str(place))
    return int(found[2]) if found and int(found[1]) == os.getpid() else None


def _strange(seen: os.stat_result) -> bool:
    return seen.st_uid not in (0, os.geteuid())


def require_writable(option: str, path: Path | None) -> None:
    """Raises UsageError if the `path` of an option cannot become a file: not known after minutes, but at once."""
    why, hint = obstacle(path) if path is not None else ("", "")
    if why:
        raise UsageError(f"{option}: {why}", hint=hint)


def obstacle(path: Path) -> tuple[str, str]:
    """(why `path` cannot become a file, what to do): said before an hour's work, not after it. Empty if it can."""
    try:
        return _obstacle(path)
    except OSError as error:  # a folder on the way that may not be entered, a name that is too long
        return f"`{path}` cannot be accessed: {(error.strerror or str(error)).lower()}", ""


def _obstacle(path: Path) -> tuple[str, str]:
    if str(path) == "-":
        return "`-` is not the name of a file", "name one, or `/dev/stdout`"
    folder = path.parent
    try:
        place, there = _place(path)
    except PermissionError as error:
        return error.strerror or str(error), "name a file in a folder of your own"
    if path.is_dir():
        return f"`{path}` is a folder", "name a file"
    if not folder.is_dir():
        return f"there is no folder `{folder}`", f"make it first: mkdir -p {shlex.quote(str(folder))}"
    if there is None and not os.access(folder, os.W_OK | os.X_OK):
        return f"the folder `{folder}` may not be written to", ""
    if there is not None and stat.S_ISLNK(there.st_mode) and not _replaceable(place):
        return f"`{path}` is a link that {owner(there.st_uid)} made", "name a file in a folder of your own"
    return "", ""


def _replaceable(place: Path) -> bool:
    """Whether we may rename something over a link of somebody else's."""
    folder = place.parent.stat()
    mine = os.geteuid() in (0, folder.st_uid)
    return os.access(place.parent, os.W_OK | os.X_OK) and (mine or not folder.st_mode & stat.S_ISVTX)
