"""A value that must not be seen: not a `str`, so that it cannot slip into one by accident."""

from __future__ import annotations

from typing import NoReturn
from weakref import WeakValueDictionary

MASK = "********"

# By identity: two of one value may end at different times.
_living: WeakValueDictionary[int, Secret] = WeakValueDictionary()


def living() -> list[Secret]:
    """Every secret that this process still has: what a view masks, whoever let one slip into a text."""
    # The references in one step, and not values(), which breaks where another thread makes a secret meanwhile.
    return [secret for reference in _living.valuerefs() if (secret := reference()) is not None]


class Secret:
    """Wraps a secret value. `repr`, `str` and format specs show a mask, pickling refuses.

    The value leaves through `reveal()`, which only the transport may call (a test holds that).
    """

    __slots__ = ("__weakref__", "_value", "name")

    def __init__(self, value: str, name: str = "secret") -> None:
        self._value = value
        self.name = name
        _living[id(self)] = self

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return f"Secret({self.name}={MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __deepcopy__(self, memo: object) -> Secret:
        """Itself, since it does not change: so that dataclasses.asdict works on what holds one."""
        return self

    def __copy__(self) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled: pass its source instead")
