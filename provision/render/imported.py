"""What became of the files of a compose guide."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from provision.render.text import clean, count

if TYPE_CHECKING:
    from provision.inventory.compose_import import ImportedInventory


def import_lines(made: ImportedInventory, path: str) -> list[str]:
    """Nothing that was found is left out."""
    return [
        *(clean(line) for line in made.mapped),
        *(f"not in it: {clean(line)}" for line in made.unmapped),
        f"wrote {clean(path)}: {count(len(made.mapped), 'setting')} found, {len(made.unmapped)} not in it",
    ]


def import_json(made: ImportedInventory, path: Path) -> dict[str, object]:
    return {"path": str(path), "mapped": made.mapped, "unmapped": made.unmapped}
