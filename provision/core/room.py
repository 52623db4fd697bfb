"""What to do where the system takes no file: the hint fits the reason, since a full disk has no other folder either."""

from __future__ import annotations

import errno
import os
import shlex
from pathlib import Path


def way_out(error: OSError, place: Path, move: str) -> str:
    """A hint. `place`: what was to be written, or the folder it belongs to; `move`: how to name another folder, empty
    where there is no other."""
    if error.errno == errno.EMFILE:
        return "allow this program more open files: `ulimit -n` shows how many"
    if error.errno == errno.EISDIR and isinstance(error.filename, str) and error.filename.endswith(".lock"):
        # Another folder has that name free, but not the runs that go on using this one.
        name = shlex.quote(error.filename)
        return f"what runs at the same time is kept apart by a file of that name: `mv {name} {name}.was`"
    if not move:
        return _somewhere(error)
    if error.errno == errno.ENOSPC:
        return f"{_no_room(place)}, or {move} on another disk"
    if error.errno == errno.EDQUOT:
        return f"delete files of yours there, since your quota is used up (`quota -s` shows it), or {move} elsewhere"
    if error.errno == errno.EROFS:
        return f"{move}: the file system there is mounted read-only"
    if error.errno == errno.ENAMETOOLONG:
        return f"{move}, one with a shorter name"
    return move


def _no_room(place: Path) -> str:
    there = next((p for p in (place, *place.parents) if os.path.lexists(p)), Path("/"))
    name = shlex.quote(str(there))
    try:
        seen = os.statvfs(there)
    except OSError:
        return f"free some space there (`df -h {name}` shows it)"
    # Some file systems have no table of inodes, and say 0 of 0.
    if seen.f_files and not seen.f_favail:
        return f"delete files there, since no inodes are left (`df -i {name}` shows it)"
    return f"free some space there (`df -h {name}` shows it)"


def _somewhere(error: OSError) -> str:
    """For a write that did not say where to."""
    if error.errno == errno.ENOSPC:
        return "free some space: `df -h` and `df -i` show which disk is full"
    return "delete files of yours: `quota -s` shows the quota" if error.errno == errno.EDQUOT else ""
