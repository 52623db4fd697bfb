"""The last values of a number as a line of small bars, the newest on the right."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from provision.operate.read_status import between

if TYPE_CHECKING:
    from provision.operate.status import ClusterStatus, Work

_BARS = "▁▂▃▄▅▆▇█"
#: What stands for a look in which the number was not known.
_GAP = "·"
_LENGTH = 30


def sparkline(values: Sequence[float | None], top: float | None = None) -> str:
    """Empty for less than two values. `top`: what the highest bar is; by default the largest value."""
    if len(values) < 2:
        return ""
    highest = top if top is not None else max((value for value in values if value is not None), default=0.0)
    return "".join(_GAP if value is None else _bar(value, highest) for value in values)


class History:
    """Of all looks so far, as many as fit in a line."""

    def __init__(self) -> None:
        self._values: dict[str, deque[float | None]] = {}
        self._before: Work | None = None

    def add(self, seen: ClusterStatus) -> None:
        work = seen.work
        now = {
            "tokens": work.tokens_per_second if work else None,
            "queue": work.waiting if work else None,
            "kv": work.kv_cache if work else None,
            # Of the requests that came since the look before: that since the start hardly moves.
            "first": between(self._before, work),
        }
        self._before = work
        for name, value in now.items():
            self._values.setdefault(name, deque(maxlen=_LENGTH)).append(value)

    def lines(self) -> Mapping[str, str]:
        return {name: sparkline(tuple(kept), 1.0 if name == "kv" else None) for name, kept in self._values.items()}


def _bar(value: float, highest: float) -> str:
    share = min(1.0, max(0.0, value / highest)) if highest > 0 else 0.0
    return _BARS[round(share * (len(_BARS) - 1))]
