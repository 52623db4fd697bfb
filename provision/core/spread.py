"""What several hosts download: each a share of it, where they may have the rest from each other."""

from __future__ import annotations

from collections.abc import Mapping

from provision.core.script import Value
from provision.core.values import dataclass


@dataclass(frozen=True)
class Spread:
    """`key`: equal for all that download the same. `program`: runs on each of the hosts by `python`, in the folder
    `into`, as an upload to there does (`user`, `made`: as of Upload). `environment`: for that program, also a
    proxy with its password; `token`: a secret for it, which no environment shows."""

    key: tuple[object, ...]
    program: str
    python: str
    into: str
    user: str
    made: str
    environment: Mapping[str, Value]
    token: Value = ""
