"""Whether an inventory, its playbook and its lock are as they must be, from the files alone."""

from __future__ import annotations

import ast
from pathlib import Path

from provision import inventory as inventories
from provision.checks.ids import acceptable
from provision.core.errors import InventoryError, PlaybookError, Problem, ProvisionError
from provision.core.exits import Exit
from provision.core.reading import read_kept
from provision.core.values import dataclass
from provision.environment.lock_inputs import refuse
from provision.environment.lockfile import LockMissing, LockStale, read_lock
from provision.environment.locks import lock_of
from provision.inventory.models import Inventory, Serve
from provision.weights.source import mistakes_of


@dataclass(frozen=True)
class Linted:
    """`error`: what is wrong, of an inventory with every mistake in it; None for nothing."""

    path: Path
    error: ProvisionError | None = None

    @property
    def exit_code(self) -> Exit:
        if self.error is None:
            return Exit.DONE
        return Exit.NO if isinstance(self.error, LockStale) else self.error.exit_code


def lint(path: str | Path) -> Linted:
    """Reads the inventory, its playbook and its lock, and the files of requirements that it names. Contacts nothing,
    runs no playbook, and reads no secret. Never raises for what it finds."""
    try:
        loaded = inventories.load(path, require_secrets=False, ids=acceptable())
        if loaded.playbook is not None:
            _parse_playbook(loaded.playbook)
        elif loaded.serve is not None:
            _refuse_weights(loaded, loaded.serve)
        if loaded.runtime is None and loaded.python.packages and not loaded.python.existing:
            refuse(loaded.python, loaded.path.parent)
        _read_lock(loaded)
    except ProvisionError as error:
        return Linted(Path(path), error)
    return Linted(Path(path))


def _refuse_weights(loaded: Inventory, serve: Serve) -> None:
    """What `plan` would say of them without a look at any host. Raises InventoryError."""
    found = [Problem(str(loaded.path), 0, 0, "", said, hint) for said, hint in mistakes_of(serve)]
    if found:
        raise InventoryError(found)


def _parse_playbook(path: Path) -> None:
    """Reads it and does not run it. Raises PlaybookError."""
    try:
        tree = ast.parse(read_kept(path), str(path))
    except OSError as error:
        raise PlaybookError(f"the playbook `{path}` cannot be read: {(error.strerror or str(error)).lower()}") from None
    except (RecursionError, MemoryError):  # of Python's parser, however much memory there is
        raise PlaybookError(f"the playbook `{path}` is nested more deeply than Python reads") from None
    except (SyntaxError, ValueError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        raise PlaybookError(f"the playbook `{path}` is no Python{line}: {said}") from None
    for node in ast.walk(tree):
        named = getattr(node, "name", "") if not isinstance(node, ast.alias) else node.asname or node.name
        if named in ("playbook", "*") or (isinstance(node, ast.Name) and node.id == "playbook"):
            return
    raise PlaybookError(
        f"the playbook `{path}` has no function `playbook`", hint="add `def playbook(cluster: Cluster) -> Playbook:`"
    )


def _read_lock(loaded: Inventory) -> None:
    """Raises LockError if there is one and it does not fit, or cannot be read."""
    if loaded.runtime is None:
        try:
            read_lock(loaded.lock_path, loaded.python, base=loaded.path.parent)
        except LockMissing:
            return
    elif loaded.lock_path.exists():
        found = lock_of(loaded, make=False, say=lambda _: None)
        if found.stale:
            raise LockStale(found)
