"""How large files come to the hosts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from provision.inventory.section import Section
from provision.inventory.words import Words

#: As networks are measured: of what is slower than 10 Mbit, a run would take for dead what is only slow.
Rate = Annotated[
    str,
    StringConstraints(pattern=r"^([1-9][0-9]{1,5} Mbit|[1-9][0-9]{0,2} Gbit)$"),
    Words("a rate of `10 Mbit` to `999 Gbit`"),
]


class Transfers(Section):
    """How large files come to the hosts."""

    relay: Literal["", "auto", "never"] = Field(
        "",
        description="`auto`: what several hosts lack is sent to one of them, from which the others have it, over the "
        "cluster's network. Default: `auto` with `runtime: {pull: controller}`, otherwise `never`",
    )
    limit: Rate | None = Field(
        None,
        description="`5 Gbit`, or `10 Mbit` and more: in a second no more leaves the controller, to all hosts "
        "together, and no host gets more from the others. Default: no limit",
    )

    @property
    def rate(self) -> float:
        """Bytes in a second; 0 where there is no limit."""
        number, _, unit = (self.limit or "0 Mbit").partition(" ")
        return int(number) * (1e9 if unit == "Gbit" else 1e6) / 8
