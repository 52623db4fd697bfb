"""Who runs this, and where their things are. None of it is certain: a container's user may have no entry in passwd, a
service no $HOME, and a working folder can be deleted while it is somebody's current folder."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from provision.core.errors import NoHome

#: The variables that name a user, in the order in which Python's getpass and OpenSSH's tools look at them.
_NAMES = ("LOGNAME", "USER", "LNAME", "USERNAME")


def home() -> Path | None:
    """$HOME, or what passwd says; None if neither names a folder. It may not exist."""
    entry = _entry()
    places = (Path(os.environ.get("HOME", "")), Path(entry.pw_dir if entry else ""))
    return next((place for place in places if place.is_absolute()), None)


def login_name() -> str:
    """The user's name, empty where the system does not know it."""
    found = next((os.environ[name] for name in _NAMES if os.environ.get(name)), "")
    entry = _entry()
    return found or (entry.pw_name if entry else "")


@contextmanager
def named(name: str) -> Iterator[None]:
    """Within, libraries that ask Python for the user's name are told `name` where the system knows none: some of them
    end there. Changes this process's environment meanwhile."""
    if login_name():
        yield
        return
    os.environ["LOGNAME"] = name
    try:
        yield
    finally:
        del os.environ["LOGNAME"]


def here() -> Path | None:
    """The working folder, None if it has been deleted or may not be looked at."""
    try:
        return Path.cwd()
    except OSError:
        return None


def expanded(path: str | Path) -> Path:
    """`~` expanded; as it is where nobody knows what `~` is, which no file is called."""
    path = Path(path)
    if path.parts[:1] == ("~",):
        own = home()
        return own.joinpath(*path.parts[1:]) if own else path
    try:
        return path.expanduser()
    except RuntimeError:  # `~somebody`, whom passwd does not have
        return path


def to_write(path: str | Path, hint: str) -> Path:
    """As `expanded`, for a file that is to be made: one below a folder called `~` is not what anybody means.

    Raises NoHome, with `hint`."""
    found = expanded(path)
    if found.parts and found.parts[0].startswith("~"):
        user = found.parts[0][1:]
        why = f"passwd has no user `{user}`" if user else nameless()
        raise NoHome(f"`{path}` cannot be resolved: {why}", hint=hint)
    return found


def nameless() -> str:
    """Why there is no home folder."""
    unset = "$HOME is not an absolute path" if os.environ.get("HOME") else "$HOME is not set"
    return f"{unset}, and passwd has no home for uid {os.geteuid()}"


def _entry() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(os.geteuid())
    except KeyError:
        return None
