"""What `prune` has found, with sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from provision.render.text import PLAIN, Paint, Style, clean, table

if TYPE_CHECKING:
    from provision.stack.prunable import Leftover


def leftover_lines(found: Sequence[Leftover], paint: Paint = PLAIN) -> list[str]:
    """`host  size  path  why`; nothing for nothing."""
    if not found:
        return []
    rows: list[tuple[str, ...]] = [("host", "size", "path", "what it is")]
    rows += [(clean(one.host), _size(one.kib), clean(one.path), clean(one.why)) for one in found]
    first, *rest = ["  ".join(cells).rstrip() for cells in table(rows, right=frozenset((1,)))]
    return [paint(Style.DIM, first), *rest]


def leftovers_json(found: Sequence[Leftover]) -> dict[str, object]:
    removed = [{"host": one.host, "path": one.path, "kib": one.kib, "why": one.why} for one in found]
    return {"removed": removed}


def size(found: Sequence[Leftover]) -> str:
    """Of all together."""
    return _size(sum(one.kib for one in found))


def _size(kib: int) -> str:
    number, unit = next(
        (kib / 1024**n, unit) for n, unit in ((2, "GiB"), (1, "MiB"), (0, "KiB")) if kib >= 1024**n or not n
    )
    return f"{number:.1f} {unit}" if unit != "KiB" else f"{kib} KiB"
