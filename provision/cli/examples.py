"""The example inventories that are installed with the package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from provision.core.errors import UsageError

if TYPE_CHECKING:
    from importlib.abc import Traversable

_FOLDER = "provision.inventories"


def names() -> list[str]:
    return sorted(_found())


def read(name: str) -> str:
    """Raises UsageError."""
    found = _found()
    if name not in found:
        raise UsageError(f"there is no example `{name}`", hint=f"the examples are {', '.join(sorted(found))}")
    return found[name].read_text(encoding="utf-8")


def _found() -> dict[str, Traversable]:
    try:
        folder: Traversable = files(_FOLDER)
    except ModuleNotFoundError:  # a checkout that is not installed
        folder = Path(__file__).parents[2] / "inventories"
    return {p.name.removesuffix(".yaml"): p for p in folder.iterdir() if p.name.endswith(".yaml")}
