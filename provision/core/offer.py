"""What lies on a host as it is wanted, and others that want the same may have from there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from provision.core.values import dataclass


@dataclass(frozen=True)
class Offer:
    """`key`: equal for all that want the same. `what`: as a plan calls it. `files`, where they are those of the
    controller: each one there → its name below `folder` on the host, read with the rights of `user`."""

    key: tuple[object, ...]
    what: str
    folder: str = ""
    user: str = ""
    files: Mapping[Path, str] = field(default_factory=dict, hash=False)
