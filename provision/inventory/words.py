"""Kinds of values that an inventory has, and what they should look like, in words."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from provision.core.values import dataclass


@dataclass(frozen=True)
class Words:
    """What a value should look like, for messages, where a type or a pattern cannot say it."""

    text: str


Name = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$"),
    Words("a name of at most 40 lower-case letters, digits and dashes"),
]
UserName = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_-]{0,30}$"), Words("a name that useradd takes")]
#: As a shell takes it: what is printed to be typed has it unquoted.
Variable = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$"), Words("the name of an environment variable")
]
Version = Annotated[str, StringConstraints(pattern=r"^3\.\d+(\.\d+)?$"), Words("a version such as `3.12`")]

#: How many GPUs or stages; `auto`: worked out from the model and the GPUs.
Degree = Annotated[Annotated[int, Field(ge=1)] | Literal["auto"], Words("a whole number of at least 1, or `auto`")]
