"""What every part of an inventory is: frozen, and without keys that nobody knows."""

from __future__ import annotations

import threading
from typing import Any

from pydantic import BaseModel, ConfigDict

Scalar = str | int | float | bool

#: pydantic's own is newer than the lowest version that works.
_one = threading.RLock()


class Section(BaseModel):
    # Most sections are only checked as a part of the whole: what checks one by itself is made when that is first done.
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, defer_build=True)

    @classmethod
    def model_rebuild(cls, *_: Any, **how: Any) -> bool | None:
        """By one thread at a time, and once: a program may load inventories in several."""
        with _one:
            return super().model_rebuild(**how)
