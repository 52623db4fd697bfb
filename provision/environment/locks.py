"""The lock of an inventory, whether it is of an environment or of an image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from provision.core.errors import LockError
from provision.environment.lock_of_command import lock_for
from provision.environment.lockfile import (
    Lock,
    LockMissing,
    LockStale,
    make_lock,
    parse_lock,
    read_lock,
    resolve_lock,
)
from provision.inventory.models import Inventory

#: How what is `stale` about a lock that cannot be read begins; why follows.
BROKEN = "broken: "


def parse(text: str, path: Path, *, edited: bool = False) -> Lock:
    """As lockfile.parse_lock."""
    from provision.environment.image_lock import is_image_lock, parse_image_lock

    return parse_image_lock(text, path) if is_image_lock(text) else parse_lock(text, path, edited=edited)


def lock_of(
    inventory: Inventory, *, make: bool, say: Callable[[str], None], removes: bool = False, resolve: bool = False
) -> Lock:
    """As lock_of_command.lock_for."""
    path, base, image = inventory.lock_path, inventory.path.parent, inventory.runtime
    if image is not None:
        from provision.environment.image_lock import image_lock_for  # what reads images: for few clusters

        return image_lock_for(image, path, base=base, make=make, say=say, removes=removes, resolve=resolve)
    return lock_for(inventory.python, path, base=base, make=make, say=say, removes=removes, resolve=resolve)


def lock_or_broken(inventory: Inventory) -> Lock:
    """As it is for `check`, and one that holds nothing where there is one that cannot be read."""
    said: list[str] = []
    found = lock_of(inventory, make=False, say=said.append, removes=True)
    return replace(found, stale=BROKEN + said[-1]) if said else found


def fitting(inventory: Inventory) -> Lock | None:
    """The lock that there is; None where there is none that fits. Raises LockError."""
    if inventory.runtime is not None:
        found = lock_of(inventory, make=False, say=lambda _: None)
        return None if found.stale else found
    try:
        return read_lock(inventory.lock_path, inventory.python, base=inventory.path.parent)
    except (LockMissing, LockStale):
        return None


def make_lock_of(
    inventory: Inventory,
    *,
    upgrade: bool = False,
    upgrade_packages: Sequence[str] = (),
    say: Callable[[str], None] | None = None,
) -> Lock:
    """As lockfile.make_lock."""
    path, base, image = inventory.lock_path, inventory.path.parent, inventory.runtime
    if image is not None:
        from provision.environment.image_lock import make_image_lock

        return make_image_lock(image, path, base=base, say=say)
    return make_lock(inventory.python, path, base=base, upgrade=upgrade, upgrade_packages=upgrade_packages, say=say)


def news_of(inventory: Inventory, upgrade: bool, only: Sequence[str], check: bool) -> tuple[str, ...]:
    """What making it anew would change. For a check, what is wrong with the lock by itself comes first."""
    path, base, image = inventory.lock_path, inventory.path.parent, inventory.runtime
    if image is not None:
        from provision.environment.image_lock import image_news

        return image_news(image, path, base=base)
    first: tuple[str, ...] = ()
    try:
        read_lock(path, inventory.python, base=base)
    except LockError as reason:
        first = (reason.message,)
    if check and first:
        return first
    found = resolve_lock(inventory.python, path, base=base, upgrade=upgrade, upgrade_packages=only, check=check)
    return (*first, *found.news)
