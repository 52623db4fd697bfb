"""The last start that was good: all that it takes to start the same again.

A successful `up` keeps the inventory that it carried out, and the lock, in a file on the controller, for its owner
alone. The environment itself stays on the hosts beside the newer one, so that going back takes a restart and no build.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from provision.after.passwords import lost, with_those_of, without
from provision.core.errors import LockError, NoHome, PlanChanged, ProvisionError, UsageError
from provision.core.files import write_whole
from provision.core.paths import MOVE, cluster_dir
from provision.core.plan import Plan
from provision.core.private import private_folder, require_ours
from provision.core.reading import as_json, read_kept
from provision.core.room import way_out
from provision.core.values import dataclass
from provision.engine.unchanged import digest_of
from provision.environment import locks
from provision.environment.lockfile import Lock, no_lock, parse_lock
from provision.inventory.models import Inventory

#: Raised when a field changes its meaning; a file of another version is of no use.
VERSION = 1


class NoWayBack(ProvisionError):
    """There is no good start to go back to, or none that can be read."""


class NotKept(ProvisionError):
    """What would have been the way back could not be written down."""


@dataclass(frozen=True)
class Played:
    """A playbook of one's own, and the digest of what was in it; `beside`: of files that it has imported from where it
    lies, by path."""

    path: Path
    digest: str
    beside: Mapping[str, str] = field(default_factory=dict, compare=False)


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
    return Played(path.absolute(), hashlib.sha256(read_kept(path)).hexdigest())


def with_imports(book: Played | None) -> Played | None:
    """Once it has done its work: some import late."""
    if book is None:
        return None
    folder = book.path.parent.resolve()
    files = [Path(file).resolve() for name, file in _imported() if name.partition(".")[0] != "provision"]
    own = (file for file in files if folder in file.parents and "site-packages" not in file.parts)
    return replace(book, beside={str(file): digest_of(file) for file in sorted(own) if file != book.path.resolve()})


def _imported() -> list[tuple[str, str]]:
    """Modules by name, with their files."""
    found = ((name, getattr(module, "__file__", None)) for name, module in list(sys.modules.items()))
    return [(name, file) for name, file in found if file and file.endswith(".py")]


def text_of(inventory: Inventory, lock: Lock, book: Played | None = None) -> str:
    """Without a password of a URL, and without a secret."""
    said = without(inventory.model_dump(mode="json"))
    content: dict[str, Any] = {"v": VERSION, "at": time.time(), "inventory": said, "lock": lock.text}
    content["playbook"] = {"path": str(book.path), "sha256": book.digest, "beside": dict(book.beside)} if book else None
    return json.dumps(content)


def keep(inventory: Inventory, lock: Lock, book: Played | None = None) -> str:
    """Returns what is kept. Raises NotKept, NoHome."""
    path = place(inventory.cluster)
    text = text_of(inventory, lock, book)
    try:
        private_folder(path.parent)
        write_whole(path, text + "\n", kept=True)
    except OSError as error:
        hint = getattr(error, "hint", "") or way_out(error, path, MOVE)
        raise NotKept(f"`{path}` cannot be written: {error.strerror}", hint=hint) from error
    return text


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
    if others := [f"`{file}`" for file, digest in kept.played.beside.items() if digest_of(Path(file)) != digest]:
        raise UsageError(
            f"{', '.join(others)}, which the playbook imports, is another than at the last good start", hint=hint
        )
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


def environment(cluster: str) -> tuple[str, ...]:
    """The name of the environment that it ran, also where nobody can go back to it from here; empty where none is
    known."""
    try:
        content = as_json(read_kept(place(cluster)))
        return (parse_lock(str(content["lock"]), Path("lock"), edited=True).short,)
    except (NoHome, OSError, ValueError, LookupError, TypeError, LockError):
        return ()


def load(present: Inventory) -> LastGood:
    """Of the cluster of the `present` inventory, which has the passwords of URLs. Raises NoWayBack where there is none,
    or none that can be read, UsageError where the inventory lacks a password."""
    cluster = present.cluster
    path = place(cluster)
    hint = "a successful `provision up` keeps one, on the machine that it runs on; of another one: `--from-head`"
    try:
        # It says which programs tell secrets here, and what is run on which hosts.
        require_ours(path)
        content = as_json(read_kept(path))
        if content["v"] != VERSION:
            raise ValueError("another version")
        said = with_those_of(content["inventory"], present.model_dump(mode="json"))
        if lost(said):
            raise UsageError("a URL of the last good start has a password that the inventory no longer has")
        inventory = Inventory.model_validate(said)
        text = str(content["lock"])
        unlocked = no_lock(inventory.python, inventory.lock_path)
        lock = locks.parse(text, inventory.lock_path) if text else unlocked
        # A file of an earlier provision has none.
        book = content.get("playbook")
        beside = {str(file): str(digest) for file, digest in (book or {}).get("beside", {}).items()}
        of_then = Played(Path(book["path"]), str(book["sha256"]), beside) if book else None
        kept = LastGood(float(content["at"]), inventory, lock, of_then)
        kept.when  # noqa: B018 - raises for what is no time
        return kept
    except UsageError:
        raise
    except FileNotFoundError:
        raise NoWayBack(f"no good start of `{cluster}` is kept here", hint=hint) from None
    except OSError as error:
        hint = getattr(error, "hint", hint)
        raise NoWayBack(f"`{path}` cannot be read: {error.strerror}", hint=hint) from error
    except (ValueError, OverflowError, LookupError, TypeError, LockError) as error:
        raise NoWayBack(f"`{path}` holds no start that this version has kept", hint=hint) from error
