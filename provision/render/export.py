"""What an export has written, and what a person still has to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from provision.render.text import clean, count

if TYPE_CHECKING:
    from provision.export.export import Export


def export_lines(made: Export, folder: str) -> list[str]:
    files = f"wrote {count(len(made.files), 'file')} to {clean(folder)}; begin with {clean(folder)}/README.md"
    secrets = [
        f"secret to write: {host}: {place.path}{': ' + ', '.join(place.names) if place.names else ''}"
        for host, places in made.secrets.items()
        for place in places
    ]
    hosts = "" if made.asked else "no host was asked: the inventory has every address"
    return [files, *([hosts] if hosts else []), *map(clean, secrets), *(f"note: {clean(n)}" for n in made.notes)]


def export_json(made: Export, folder: Path) -> dict[str, object]:
    secrets = [
        {"host": host, "path": place.path, "names": list(place.names)}
        for host, places in made.secrets.items()
        for place in places
    ]
    return {
        "kind": made.kind,
        "folder": str(folder),
        "files": sorted(made.files),
        "secrets": secrets,
        "notes": list(made.notes),
        "asked": made.asked,
    }
