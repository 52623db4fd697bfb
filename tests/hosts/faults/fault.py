"""What one fault is, as data: how it is injected, and what must be seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from faults.rack import Rack

KINDS = (
    "network", "host", "disk", "process", "controller", "operator", "membership", "state", "input", "time",
)  # fmt: skip

#: In `up`: the next `up` finds nothing to do.
NOTHING = "nothing to change"
#: Nor is it known what it finds: that depends on the moment.
WHATEVER = ""


@dataclass(frozen=True)
class Fault:
    """`what` is injected by `inject`, which leaves with the rack how it is repaired. `run`: the command that meets it
    (`act` runs it, where something is done to it meanwhile), which says `sees`, whitespace aside, and ends with `code`.
    `left`: what is left then, in words, and `holds`, which sees to it that it is. `repair`: what a person does before
    the next `up`, if anything, in words; `up`: what that `up` says. `quick`: part of the run that always is."""

    kind: str
    what: str
    inject: Callable[[Rack], None]
    sees: tuple[str, ...]
    code: int
    left: str
    up: str
    run: str = "check"
    repair: str = ""
    act: Callable[[Rack], int] | None = None
    holds: Callable[[Rack], None] | None = None
    quick: bool = False

    @property
    def name(self) -> str:
        return f"{self.kind}: {self.what}"
