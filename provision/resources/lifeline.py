"""What shell files that connect to Ray's servers are told (payload/lifeline.py)."""

from __future__ import annotations

from provision.core.script import Value
from provision.payload.bundle import bundle

#: Address, port, and what it is.
Server = tuple[str, int, str]


def lifeline(program: str, python: str, servers: tuple[Server, ...], prefix: str = "") -> dict[str, Value]:
    """`python`: any Python of the host."""
    return {
        f"{prefix}python": python,
        f"{prefix}program": bundle(f"lifeline:{program}"),
        f"{prefix}places": "\n".join(f"{address} {port} {name}" for address, port, name in servers),
    }
