"""Host keys as one table, to be compared by a person in one go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from provision.core.urls import bracketed
from provision.render.errors import all_error_lines
from provision.render.text import PLAIN, Paint, Style, clean, table

if TYPE_CHECKING:
    from provision.transport.trust import ScannedKey

_STYLE = {"known": Style.OK, "new": Style.CHANGE, "changed": Style.ERROR, "unreachable": Style.ERROR}


def key_lines(keys: Sequence[ScannedKey], paint: Paint = PLAIN) -> list[str]:
    """`host  address  type  fingerprint  status`, in the order of `keys`."""
    rows: list[tuple[str, ...]] = [("host", "address", "status", "type", "fingerprint")]
    for key in keys:
        address = f"{bracketed(key.address)}:{key.port}"
        rows.append((clean(key.host), clean(address), key.status, clean(key.kind), clean(key.fingerprint)))
    first, *rest = table(rows)
    lines = [paint(Style.DIM, "  ".join(first))]
    for key, cells in zip(keys, rest, strict=True):
        cells[2] = paint(_STYLE[key.status], cells[2])
        lines.append("  ".join(cells).rstrip())
    return lines


def key_error_lines(keys: Sequence[ScannedKey], paint: Paint = PLAIN) -> list[str]:
    return all_error_lines((key.error for key in keys if key.error is not None), paint)
