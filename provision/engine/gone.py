"""Of a host that is gone one error is told, however many things were under way there: whoever finds it first tells."""

from __future__ import annotations

from provision.core.errors import ConnectionLost, HostError, Unreachable


def is_gone(error: HostError) -> bool:
    return isinstance(error, (Unreachable, ConnectionLost))


class Told:
    """For one run; for any thread. That a host cannot be reached is told after a broken connection, too: it is more
    than that, and a run ends with another exit code for it."""

    def __init__(self) -> None:
        self._by: dict[tuple[str, bool], object] = {}

    def first(self, error: HostError, teller: object) -> bool:
        """Whether `teller` is to tell of it."""
        if not is_gone(error):
            return True
        unreachable = isinstance(error, Unreachable)
        if not unreachable and self._by.get((error.host, True), teller) is not teller:
            return False
        return self._by.setdefault((error.host, unreachable), teller) is teller
