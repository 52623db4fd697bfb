"""What hosts have from each other: a share each of what several download, and what lies on one as others want it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

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


@dataclass(frozen=True)
class Offer:
    """`key`: equal for all that want the same. `what`: as a plan calls it. `files`, where they are those of the
    controller: each one there → its name below `folder` on the host, read with the rights of `user`."""

    key: tuple[object, ...]
    what: str
    folder: str = ""
    user: str = ""
    files: Mapping[Path, str] = field(default_factory=dict, hash=False)
