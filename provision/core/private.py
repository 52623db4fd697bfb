"""Whose files and folders are, on this machine: what others could change is not relied on, what they could read is no
secret. payload/files/trust.sh is the same for hosts."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

#: As many links as the kernel follows on one path.
_LINKS = 40


class NotPrivate(PermissionError):
    """Others could change what lies at a path. `hint` can be typed."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.EPERM, reason)


def private_folder(folder: Path) -> None:
    """Makes `folder` and what is missing above it, for its owner alone, whatever the umask. Raises OSError:
    NotPrivate, if others could change what is there already, or was put there meanwhile."""
    require_ours(folder)
    missing = []
    place = folder.absolute()
    while not os.path.lexists(place):
        missing.append(place)
        place = place.parent
    for new in reversed(missing):
        try:
            new.mkdir(mode=0o700)
        except FileExistsError:  # another run, or another user: looked at below
            continue
    if missing:
        require_ours(folder)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))


def require_ours(path: Path) -> None:
    """Raises NotPrivate if others could change what lies at `path`, or may yet be made there."""
    if reason := exposed(path):
        raise NotPrivate(reason)


def exposed(path: Path) -> str:
    """Who else could change what lies at `path`, as a sentence; empty if nobody: the path, each folder above it, and
    what links on the way point to belong to root or to us, and nobody else may write there. A folder above may be
    writable by all if it is sticky, as /tmp is."""
    trusted = _trusted()
    places = list(_places(path.absolute()))
    for number, place in enumerate(places):
        try:
            seen = place.lstat()
        except OSError as error:
            return f"`{place}` cannot be looked at: {(error.strerror or str(error)).lower()}"
        reason = _reason(place, seen, trusted, last=number == len(places) - 1 and path.exists())
        if reason:
            return f"`{place}` (mode {stat.S_IMODE(seen.st_mode):o}, owner {owner(seen.st_uid)}) {reason}"
    return ""


def open_to_others(path: Path) -> str:
    """The mode of a file of ours that others may read, or write to, such as `0644`; else empty. As OpenSSH judges a
    private key: what belongs to somebody else is their affair."""
    try:
        seen = path.stat()
    except OSError:
        return ""
    ours = stat.S_ISREG(seen.st_mode) and seen.st_uid == os.geteuid()
    return f"{stat.S_IMODE(seen.st_mode):04o}" if ours and seen.st_mode & 0o077 else ""


def owner(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _places(path: Path) -> Iterator[Path]:
    """All that decides what lies at `path`, as far as it exists: each folder, each link, and where links lead."""
    at = Path("/")
    yield at
    parts = list(reversed(path.parts[1:]))
    links = 0
    while parts:
        part = parts.pop()
        if part == "..":
            at = at.parent
            continue
        at = at / part
        if not os.path.lexists(at):
            return
        yield at
        if at.is_symlink():
            links += 1
            if links > _LINKS:
                return
            target = Path(os.readlink(at))  # noqa: PTH115 - the same on all versions of Python
            at = Path("/") if target.is_absolute() else at.parent
            parts += reversed(target.parts[1:] if target.is_absolute() else target.parts)


def _reason(place: Path, seen: os.stat_result, trusted: frozenset[int], *, last: bool) -> str:
    if seen.st_uid not in trusted and not _from_outside(place, seen.st_uid):
        return "belongs to another user"
    if stat.S_ISLNK(seen.st_mode) or (seen.st_mode & stat.S_ISVTX and not last):
        return ""
    if seen.st_mode & stat.S_IWOTH:
        return "can be written to by every user"
    if seen.st_mode & stat.S_IWGRP:
        if _has_list(place):
            return "can be written to by users that its access control list names"
        if not _private_group(seen.st_gid, trusted):
            return f"can be written to by the group {_group(seen.st_gid)}"
    return ""


def _trusted() -> frozenset[int]:
    return frozenset((0, os.geteuid()))


def _from_outside(place: Path, uid: int) -> bool:
    """In a user namespace the machine's own root is seen as the overflow uid, as are all users who are not in there.
    What such a user owns is trusted where not everybody could have put it, if nobody in there can be that user."""
    with suppress(OSError, ValueError):
        overflow = int(Path("/proc/sys/kernel/overflowuid").read_text())
        ranges = [[int(n) for n in line.split()] for line in Path("/proc/self/uid_map").read_text().splitlines()]
        if uid != overflow or not ranges or any(first <= uid < first + count for first, _, count in ranges):
            return False
        return place.parent == place or not place.parent.stat().st_mode & stat.S_IWOTH
    return False


def _has_list(place: Path) -> bool:
    """The group's bits of a file with a list are the most that the list gives anyone."""
    try:
        return bool(os.getxattr(place, "system.posix_acl_access"))
    except OSError:
        return False


def _private_group(gid: int, trusted: frozenset[int]) -> bool:
    """Whether nobody but `trusted` is in it: the private group of one of them, as useradd makes one for each user."""
    try:
        group = grp.getgrgid(gid)
        members = [pwd.getpwnam(name) for name in (group.gr_name, *group.gr_mem)]
    except KeyError:
        return False
    if members[0].pw_gid != gid or any(member.pw_uid not in trusted for member in members):
        return False
    try:
        lines = Path("/etc/passwd").read_text("utf-8", "replace").splitlines()
    except OSError:
        return False
    others = (line.split(":") for line in lines if line.count(":") >= 3)
    return all(int(entry[2]) in trusted for entry in others if entry[3] == str(gid) and entry[2].isdigit())


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
