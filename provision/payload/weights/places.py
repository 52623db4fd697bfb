"""The way to a folder: opened part by part, refused where somebody else could put another one in its place; and root's
way to become the user whom the files are for, before it has touched any of theirs."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import stat
from collections.abc import Iterable

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

#: Links on the way to a folder: as many as Linux follows.
_LINKS = 40


class UnsafePlace(Exception):
    """A folder that is not used, and why."""


def become(owner: str, folders: Iterable[str] = ()) -> None:
    """Where root works for `owner`: goes on as that user, for good. Before, `folders` that are not there yet are made
    for them, as long as nobody but root can write on the way. Raises UnsafePlace, OSError."""
    if owner and os.geteuid() == 0:
        # What is on the way to a folder of theirs is root's, and for them to go through.
        os.umask(0o022)
        _change(owner, folders)
    os.umask(0o077)


def _change(owner: str, folders: Iterable[str]) -> None:
    try:
        user = pwd.getpwnam(owner)
    except KeyError:
        raise UnsafePlace(f"there is no user {owner} on this host") from None
    for folder in folders:
        _give(folder, user)
    os.initgroups(user.pw_name, user.pw_gid)
    os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
    os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
    os.environ.update(HOME=user.pw_dir, USER=user.pw_name, LOGNAME=user.pw_name)


def descend(path: str, *, make: int | None = None, trusted: frozenset[int] | None = None, last: bool = False) -> int:
    """A descriptor of the folder at `path`, which is absolute. Every folder on the way belongs to root or to whom we
    are (or to one of `trusted`), and nobody else can put another one in its place; links are followed by hand, and
    only where that holds. `make`: the mode of folders that are not there yet. `last`: nobody else can write in the
    last one either, sticky or not. Raises UnsafePlace, OSError."""
    who = _trusted() if trusted is None else trusted
    done, todo, links = "/", _parts(path), 0
    place = os.open("/", _FOLDER)
    try:
        _judge(place, done, who, last=last and not todo)
        while todo:
            name = todo.pop(0)
            try:
                there = os.stat(name, dir_fd=place, follow_symlinks=False)
            except FileNotFoundError:
                if make is None:
                    raise
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, make, dir_fd=place)
                there = os.stat(name, dir_fd=place, follow_symlinks=False)
            full = f"{done.rstrip('/')}/{name}"
            if stat.S_ISLNK(there.st_mode):
                links += 1
                if there.st_uid not in who or links > _LINKS:
                    raise UnsafePlace(f"{full} is a link of {user_name(there.st_uid)}")
                target = os.readlink(name, dir_fd=place)
                todo = _parts(target, done) + todo
                done, following = "/", os.open("/", _FOLDER)
            else:
                done, following = full, os.open(name, _FOLDER, dir_fd=place)
            os.close(place)
            place = following
            _judge(place, done, who, last=last and not todo)
    except BaseException:
        os.close(place)
        raise
    return place


def _give(folder: str, user: pwd.struct_passwd) -> None:
    """Makes an empty folder for `user`. Where somebody else can write on the way, that is left to the user."""
    above, _, name = folder.rstrip("/").rpartition("/")
    try:
        place = descend(above or "/", make=0o755, trusted=frozenset({0}))
    except (UnsafePlace, NotADirectoryError):
        return
    try:
        os.mkdir(name, 0o700, dir_fd=place)
        made = os.open(name, _FOLDER, dir_fd=place)
        try:
            os.fchown(made, user.pw_uid, user.pw_gid)
        finally:
            os.close(made)
    except FileExistsError:
        return
    finally:
        os.close(place)


def _parts(path: str, base: str = "/") -> list[str]:
    """Of an absolute path, or of one from `base`, which has no links. Raises UnsafePlace for `..` behind a name, which
    means another folder where that name is a link."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    found = [] if path.startswith("/") else [part for part in base.split("/") if part]
    while parts and parts[0] == "..":
        parts, found = parts[1:], found[:-1]
    if ".." in parts:
        raise UnsafePlace(f"{path} leads back up")
    return found + parts


def _judge(place: int, path: str, who: frozenset[int], *, last: bool) -> None:
    there = os.fstat(place)
    if there.st_uid not in who:
        raise UnsafePlace(f"{path} belongs to {user_name(there.st_uid)}, and not to root or {user_name(os.geteuid())}")
    sticky = bool(there.st_mode & stat.S_ISVTX) and not last
    if there.st_mode & stat.S_IWOTH and not sticky:
        raise UnsafePlace(f"everybody can write in {path}")
    if there.st_mode & stat.S_IWGRP and not sticky and not _alone_in(there.st_gid):
        raise UnsafePlace(f"the group {_group(there.st_gid)} can write in {path}")


def _trusted() -> frozenset[int]:
    return frozenset({0, os.geteuid()})


def _alone_in(gid: int) -> bool:
    """Whether a group is root's or our own private one, with nobody else in it, as useradd makes one for each user
    (files/trust.sh tells them alike)."""
    try:
        group, own = grp.getgrgid(gid), pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    ours = {"root", own.pw_name}
    if group.gr_name not in ours or not set(group.gr_mem) <= ours:
        return False
    return all(user.pw_name in ours for user in pwd.getpwall() if user.pw_gid == gid)


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
