"""The last start that was good: all that it takes to start the same again.

A successful `up` keeps the inventory that it carried out, and the lock, in a file on the controller, for its owner
alone. The environment itself stays on the hosts beside the newer one, so that going back takes a restart and no build.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provision.after.passwords import lost, with_those_of, without
from provision.core.errors import LockError, PlanChanged, ProvisionError, UsageError
from provision.core.files import write_whole
from provision.core.paths import cluster_dir
from provision.core.plan import Plan
from provision.core.private import private_folder, require_ours
from provision.environment.lockfile import Lock, no_lock, parse_lock
from provision.inventory.models import Inventory

#: Raised when a field changes its meaning; a file of another version is of no use.
VERSION = 1


class NotKept(ProvisionError):
    """What would have been the way back could not be written down."""


@dataclass(frozen=True)
class Played:
    """A playbook of one's own, and the digest of what was in it."""

    path: Path
    digest: str


@dataclass(frozen=True)
class LastGood:
    """`at`: seconds since the epoch. `played`: None for the built-in playbook."""

    at: float
    inventory: Inventory
    lock: Lock
    played: Played | None = None

    @property
    def when(self) -> str:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(self.at))


def place(cluster: str) -> Path:
    """May not exist yet. Raises NoHome."""
    return cluster_dir(cluster) / "last-good.json"


def played(path: Path | None) -> Played | None:
    """Raises OSError."""
    if path is None:
        return None
    return Played(path.absolute(), hashlib.sha256(path.read_bytes()).hexdigest())


def keep(inventory: Inventory, lock: Lock, book: Played | None = None) -> None:
    """Raises NotKept, NoHome."""
    path = place(inventory.cluster)
    said = without(inventory.model_dump(mode="json"))
    content: dict[str, Any] = {"v": VERSION, "at": time.time(), "inventory": said, "lock": lock.text}
    content["playbook"] = {"path": str(book.path), "sha256": book.digest} if book else None
    try:
        private_folder(path.parent)
        write_whole(path, json.dumps(content) + "\n")
    except OSError as error:
        raise NotKept(f"`{path}` cannot be written: {error.strerror}") from error


def playbook(kept: LastGood) -> Path | None:
    """The one of that time; None: none of one's own. Raises UsageError if it is no longer what it was."""
    if kept.played is None:
        return None
    path = kept.played.path
    hint = f"`--playbook {shlex.quote(str(path))}` goes back with what is there now"
    try:
        now = played(path)
    except OSError as error:
        hint = "`--playbook FILE` goes back with another"
        raise UsageError(
            f"the playbook `{path}` of the last good start cannot be read: {error.strerror}", hint=hint
        ) from error
    if now != kept.played:
        raise UsageError(f"the playbook `{path}` is another than that of the last good start", hint=hint)
    return path


def still(kept: LastGood, present: Inventory, then: Callable[[Plan], None] | None) -> Callable[[Plan], None]:
    """What a rollback is to ask before it changes anything: it may have waited for a run that has ended well, and left
    another start to go back to. What is returned raises PlanChanged."""

    def agree(plan: Plan) -> None:
        if load(present).at != kept.at:
            raise PlanChanged("another run has ended well meanwhile: nothing was changed", hint="`provision check`")
        if then is not None:
            then(plan)

    return agree


def load(present: Inventory) -> LastGood:
    """Of the cluster of the `present` inventory, which has the passwords of URLs. Raises UsageError where there is
    none, or none that can be read."""
    cluster = present.cluster
    path = place(cluster)
    hint = "a successful `provision up` keeps one, on the machine that it runs on"
    try:
        # It says which programs tell secrets here, and what is run on which hosts.
        require_ours(path)
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["v"] != VERSION:
            raise ValueError("another version")
        said = with_those_of(content["inventory"], present.model_dump(mode="json"))
        if lost(said):
            raise UsageError("a URL of the last good start has a password that the inventory no longer has")
        inventory = Inventory.model_validate(said)
        text = str(content["lock"])
        unlocked = no_lock(inventory.python, inventory.lock_path)
        lock = parse_lock(text, inventory.lock_path) if text else unlocked
        # A file of an earlier provision has none.
        book = content.get("playbook")
        of_then = Played(Path(book["path"]), str(book["sha256"])) if book else None
        return LastGood(float(content["at"]), inventory, lock, of_then)
    except UsageError:
        raise
    except FileNotFoundError:
        raise UsageError(f"no good start of `{cluster}` is kept here", hint=hint) from None
    except OSError as error:
        raise UsageError(f"`{path}` cannot be read: {error.strerror}", hint=hint) from error
    except (ValueError, LookupError, TypeError, LockError) as error:
        raise UsageError(f"`{path}` holds no start that this version has kept", hint=hint) from error
