"""What the operating system refuses us, in a person's words: a full disk or a folder of somebody else is no bug."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from provision.core.errors import ProvisionError
from provision.core.private import NotPrivate
from provision.core.reading import NotAFile
from provision.core.regex import regex
from provision.core.room import way_out


def is_system_error(error: BaseException) -> bool:
    """Whether it is for the person at this machine to put right. Text that cannot be read or written is, where the
    locale is none that carries all text."""
    return (
        isinstance(error, OSError)
        or (isinstance(error, UnicodeError) and not _carries_all())
        or bool(_limit_reached(error))
    )


def explained(error: BaseException) -> ProvisionError:
    """The same as an error with a hint; raises nothing for what `is_system_error`."""
    if limit := _limit_reached(error):
        return ProvisionError(str(error) or "out of memory", hint=limit)
    if not isinstance(error, OSError):
        means = f"the locale means {sys.getfilesystemencoding()}"
        hint = f"{means}: export LC_ALL=C.UTF-8, and leave PYTHONUTF8 and PYTHONIOENCODING alone"
        return ProvisionError(f"text that cannot be read or written: {error}", hint=hint)
    if isinstance(error, NotPrivate):
        return ProvisionError(error.strerror or "")
    what = (error.strerror or str(error)).lower() or type(error).__name__
    if error.filename is None:
        # https://docs.python.org/3/library/tempfile.html#tempfile.gettempdir
        return ProvisionError(what, hint=_TMPDIR if "temporary directory" in what else way_out(error, Path(), ""))
    name = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else str(error.filename)
    if isinstance(error, NotAFile):
        return ProvisionError(f"`{name}`: {what}", hint=error.hint)
    move = next((hint for folder, hint in _movable() if _within(Path(name), folder)), "")
    return ProvisionError(f"`{name}`: {what}", hint=way_out(error, Path(name), move))


def _limit_reached(error: BaseException) -> str:
    """The hint where a limit on this user's processes or memory was met, as Python's own errors tell it."""
    more_memory = "allow this program more memory: `ulimit -v` shows how much, in KiB"
    if isinstance(error, RuntimeError) and error.args[:1] == ("can't start new thread",):
        # A thread's stack takes from both.
        more = "allow this user more processes: `ulimit -u` shows how many, threads counted"
        return more_memory if _memory_is_limited() else more
    # ImportError: of a library that there was no room for, in the loader's words.
    if isinstance(error, MemoryError) or (isinstance(error, ImportError) and _NO_ROOM.search(error.msg or "")):
        return more_memory
    # Python's own words where a part of it in C met the limit and left no exception.
    if isinstance(error, SystemError) and "without exception set" in str(error) and _memory_is_limited():
        return more_memory
    return ""


_NO_ROOM = regex(r"failed to map|[Cc]annot allocate memory|cannot apply additional memory protection")


def _memory_is_limited() -> bool:
    return resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY


_TMPDIR = "name a writable folder with room in TMPDIR"


def _movable() -> Iterator[tuple[Callable[[], Path], str]]:
    """What is kept where, and the variable that moves it."""
    # Only now: these bring libraries along that most commands' pages do without.
    import tempfile

    from provision.core.paths import MOVE, state_dir
    from provision.environment.cache import MOVE_CACHE, wheel_cache
    from provision.lab.lab import default_root

    yield state_dir, MOVE
    yield wheel_cache, MOVE_CACHE
    yield default_root, "name a writable folder in PROVISION_LAB_DIR"
    yield lambda: Path(tempfile.gettempdir()), _TMPDIR


def _within(path: Path, folder: Callable[[], Path]) -> bool:
    """Also for one of the folders on the way to it, which is what could not be made."""
    try:
        place = folder()
    except (ProvisionError, OSError):
        return False
    return path.is_relative_to(place) or (len(path.parts) > 1 and place.is_relative_to(path))


def _carries_all() -> bool:
    return sys.getfilesystemencoding().lower() in ("utf-8", "utf8")
