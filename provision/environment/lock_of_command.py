"""Which lock a command goes on with: made, as it is, one that no longer fits, or none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from provision.core.errors import LockError
from provision.environment.lockfile import (
    ABSENT,
    Lock,
    LockMissing,
    LockStale,
    ensure_lock,
    no_lock,
    read_lock,
    resolve_lock,
)
from provision.inventory.models import Python


def lock_for(
    python: Python,
    path: Path,
    *,
    base: Path,
    make: bool,
    say: Callable[[str], None],
    removes: bool = False,
    resolve: bool = False,
) -> Lock:
    """The lock beside the inventory. Only `up` makes it. The others go on with one that no longer fits,
    which still says what the hosts were made to be, or with one that holds nothing, or, to `resolve`, with the one that
    `up` would make, where that can be told; `stale` says so, and `down`, which
    `removes`, works without, also where the file is broken. So does a playbook that needs no packages. Arguments and
    errors as of `ensure_lock`."""
    if not python.packages:
        return no_lock(python, path)
    if removes:
        return _lock_or_none(python, path, base=base, say=say)
    if make:
        return ensure_lock(python, path, base=base, say=say)
    try:
        return read_lock(path, python, base=base)
    except LockStale as reason:
        found, said = reason.lock, f"{reason.message}: `provision up` recreates it"
    except LockMissing as reason:
        found, said = replace(no_lock(python, path), stale=ABSENT), f"{reason.message}: `provision up` makes it"
    if not resolve:
        say(said)
        return found
    try:
        lock = resolve_lock(python, path, base=base)
    except LockError as error:
        say(f"{said}; what it would hold is not known: {error.message}")
        return found
    say(f"{said}, as this plan has it")
    return replace(lock, stale=found.stale)


def _lock_or_none(python: Python, path: Path, *, base: Path, say: Callable[[str], None]) -> Lock:
    """Whatever is wrong with the lock: what runs is found by its mark, and environments by their owner."""
    try:
        return read_lock(path, python, base=base)
    except LockStale as reason:
        return reason.lock
    except LockMissing:
        return replace(no_lock(python, path), stale=ABSENT)
    except LockError as reason:
        say(f"{reason.message}: going on without a lock")
        return replace(no_lock(python, path), stale="broken")
