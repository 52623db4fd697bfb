"""What most hosts have, where nothing says what it should be: the odd one out is then named, and not the others."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

from provision.core.values import dataclass

V = TypeVar("V", bound=Hashable)


@dataclass(frozen=True)
class Majority:
    """`hosts`: those whose value is the most frequent; of several such values the hosts of all. `size`: how many hosts
    have a value like theirs."""

    hosts: tuple[str, ...]
    size: int


def majority(values: Mapping[str, V], alike: Callable[[V, V], bool] = operator.eq) -> Majority:
    """Of host → value. `alike`: which values count as the same."""
    counts = Counter(values.values())
    agreeing = {value: sum(counts[other] for other in counts if alike(value, other)) for value in counts}
    most = max(agreeing.values(), default=0)
    return Majority(tuple(host for host, value in values.items() if agreeing[value] == most), most)


def reference(values: Mapping[str, Hashable], head: str) -> str:
    """The host that the others are compared with: of those that have what most have. Empty for no hosts."""
    return preferred(majority(values).hosts, head)


def preferred(hosts: Sequence[str], head: str) -> str:
    """The head if it is one of them, or else who comes first."""
    return head if head in hosts else next(iter(hosts), "")
