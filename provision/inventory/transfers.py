"""How large files come to the hosts."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from provision.inventory.section import Section


class Transfers(Section):
    """How large files come to the hosts."""

    relay: Literal["", "auto", "never"] = Field(
        "",
        description="`auto`: what several hosts lack is sent to one of them, from which the others have it, over the "
        "cluster's network. Default: `auto` with `runtime: {pull: controller}`, otherwise `never`",
    )
