"""What other hosts reach of the cluster, for people and as JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from provision.render.text import PLAIN, Paint, Style, count, table
from provision.serving.look import Look

#: An answer → the word for it.
_WORDS = {"open": "open", "refused": "closed", "silent": "dropped: no answer", "unreachable": "no route"}


def look_lines(look: Look, paint: Paint = PLAIN) -> list[str]:
    """A row for each socket, and one sentence on them all."""
    whose = look.source or "this machine"
    if not look.tried:
        return [f"nothing of the cluster listens beyond loopback: {whose} has nothing to try"]
    rows: list[tuple[str, ...]] = [("host", "address", "port", f"from {whose}")]
    for one in look.tried:
        rows.append((one.host, one.address, str(one.port), _WORDS[one.answer] + (" (the API)" if one.api else "")))
    lines = ["  ".join(cells).rstrip() for cells in table(rows, right=frozenset((2,)))]
    return [paint(Style.DIM, lines[0]), *lines[1:], "", _sentence(look, whose)]


def _sentence(look: Look, whose: str) -> str:
    closed = sum(one.answer != "open" for one in look.tried)
    if look.reached:
        reached = count(len(look.reached), "socket")
        return f"{whose} reaches {reached} of the cluster besides the API: `provision firewall --apply` closes them"
    total = len(look.tried)
    return f"{whose} reaches none of the cluster's sockets but the API's: {closed} of {total} are closed to it"


def look_json(look: Look) -> Mapping[str, object]:
    return {"source": look.source, "tried": [asdict(one) for one in look.tried], "reached": len(look.reached)}
