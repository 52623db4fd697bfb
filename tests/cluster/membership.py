"""Changes of who is in the cluster, and what each does to every service: docs/members.md has its table from here.

They are one story, in order (test_membership.py). Before the first, the model runs on lab-1, the head, and lab-2.
"""

from __future__ import annotations

from dataclasses import dataclass

STAYS, RESTARTS, STARTS, STOPS, NONE = "stays", "restarts", "starts", "stops", "–"

BEGIN = ("lab-1", "lab-2")


@dataclass(frozen=True)
class Change:
    """`hosts`: those of the inventory from then on, the head first. `stages`: over how many hosts the model is cut."""

    what: str
    hosts: tuple[str, ...]
    stages: int
    head: str
    others: str
    joins: str
    leaves: str
    vllm: str


CHANGES = (
    Change("a host is added", ("lab-1", "lab-2", "lab-3"), 2, STAYS, STAYS, STARTS, NONE, STAYS),
    Change("a host is removed that no rank runs on", ("lab-1", "lab-2"), 2, STAYS, STAYS, NONE, STOPS, STAYS),
    Change("a host is replaced", ("lab-1", "lab-3"), 2, STAYS, NONE, STARTS, STOPS, RESTARTS),
    Change(
        "a host is added, and the cut takes it", ("lab-1", "lab-3", "lab-2"), 3, STAYS, STAYS, STARTS, NONE, RESTARTS
    ),
    Change("the head moves to another host", ("lab-3", "lab-1", "lab-2"), 3, RESTARTS, RESTARTS, NONE, NONE, RESTARTS),
    Change("a host is removed, and the cut shrinks", ("lab-3", "lab-1"), 2, STAYS, STAYS, NONE, STOPS, RESTARTS),
)
