"""The arithmetic of a line: what its numbers amount to, and what would fit."""

from __future__ import annotations

import math
from collections.abc import Mapping

from provision.core.wording import KIB, size
from provision.diagnosis.xids import KINDS


def figures(found: Mapping[str, str | None]) -> dict[str, str]:
    """From `asked`, `free`, `total` (the same unit), `share`, `length` (tokens), `bytes` and `kib`, as far as they are
    there: `missing`, the greatest share that is `possible` (rounded down), the advice to take it (`lowered`) where that
    is at least half of what was wanted, `shorter` (tokens that fit), `size`, `holding`; from the
    `code` of an Xid its `meaning` and the `action` that it asks for."""
    told: dict[str, str] = {}
    asked, free, total, length = (_number(found.get(name)) for name in ("asked", "free", "total", "length"))
    if asked and free is not None:
        told["missing"] = f"{max(0.0, asked - free):.2f}"
    if free is not None and total:
        possible = math.floor(100 * free / total) / 100
        told["possible"] = f"{possible:.2f}"
        if (share := _number(found.get("share"))) and possible >= share / 2:
            told["lowered"] = f"; or `gpu-memory-utilization: {possible:.2f}` in `serve.args`"
    if length and asked and free is not None:
        # What vLLM itself estimates where it does; a KV cache grows with the tokens that it is for.
        told["shorter"] = found.get("possible_length") or str(int(length * free / asked))
    if (xid := KINDS.get(int(found.get("code") or 0) if (found.get("code") or "").isdecimal() else 0)) is not None:
        told |= {"meaning": xid.meaning, "action": xid.action}
    if count := _number(found.get("bytes")):
        told["size"] = size(count)
    if held := _number(found.get("kib")):
        told["holding"] = f", which held {size(held * KIB)}"
    return {"size": "more", "holding": "", "lowered": "", **told}


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
