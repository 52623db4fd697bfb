"""Of a host that is gone one error is told, however many things were under way there: whoever finds it first tells."""

from __future__ import annotations

from provision.core.errors import ConnectionLost, HostError, Unreachable


def is_gone(error: HostError) -> bool:
    return isinstance(error, (Unreachable, ConnectionLost))


class Told:
    """For one run; for any thread."""

    def __init__(self) -> None:
        self._by: dict[str, object] = {}

    def first(self, error: HostError, teller: object) -> bool:
        """Whether `teller` is to tell of it."""
        return not is_gone(error) or self._by.setdefault(error.host, teller) is teller
