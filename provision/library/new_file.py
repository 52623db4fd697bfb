"""An inventory that a command writes: a new file, whole, that loads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from provision.checks.ids import acceptable
from provision.core.errors import InventoryError, ProvisionError, UsageError
from provision.inventory.reader import load


def refuse_existing(path: Path, hint: str) -> None:
    """Before any work is done for it. Raises UsageError."""
    if path.exists() or path.is_symlink():
        raise UsageError(f"`{path}` exists already", hint=hint)


def write_new(path: Path, text: str, hint: str, *, loads: bool = True) -> None:
    """A file that is there is never overwritten, and nothing is left of one that could not be written, or that would
    not load. `loads`: whether that is tried. Raises UsageError, ProvisionError, InventoryError."""
    try:
        with path.open("x", encoding="utf-8") as file, _whole(path):
            file.write(text)
            file.flush()
    except FileExistsError:
        raise UsageError(f"`{path}` exists already", hint=hint) from None
    except OSError as error:
        raise ProvisionError(f"`{path}` cannot be written: {(error.strerror or str(error)).lower()}") from None
    if loads:
        try:
            load(path, require_secrets=False, ids=acceptable())
        except InventoryError:
            path.unlink()
            raise


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    """A full disk leaves nothing that the next `init` would take for an inventory of yours."""
    try:
        yield
    except OSError:
        path.unlink()
        raise
