"""Gives a client of this process the key that its server asks for: where a secret becomes a header."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from provision.core.secret import Secret

T = TypeVar("T")


def keyed(make: Callable[[str], T], key: Secret | None) -> T:
    """What `make` makes of the key's value; of an empty one, if there is none. It keeps the value to itself."""
    return make(key.reveal() if key is not None else "")
