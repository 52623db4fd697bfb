"""`gpu-[02:04]` → gpu-02, gpu-03, gpu-04."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from provision.core.regex import regex

MAX_NAMES = 10_000

_RANGE = regex(r"\[([^\[\]]*)\]")
_NUMBERS = regex(r"([0-9]{1,9}):([0-9]{1,9})(?::([0-9]{1,9}))?\Z")
_LETTERS = regex(r"([a-z]):([a-z])\Z|([A-Z]):([A-Z])\Z")


class RangeError(ValueError):
    """The text of a range makes no sense. `hint` can be typed."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def expand(text: str) -> tuple[str, ...]:
    """Every name that `text` stands for, in order; `text` itself if it holds no range.

    `[02:04]` counts with the first number's width, `[1:9:2]` in steps, `[a:c]` through letters; with several
    ranges the last one turns fastest. Raises RangeError if a range is empty, malformed, or too long.
    """
    rest = _RANGE.sub("", text)
    if "[" in rest or "]" in rest:
        raise RangeError(f"`{text}` has a bracket without its partner", "write a range as `gpu-[01:04]`")
    parts = [_range(part) if i % 2 else (part,) for i, part in enumerate(_RANGE.split(text))]
    return combined(text, parts)


def combined(text: str, parts: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """What `text` stands for: one of each part, the last one turns fastest. Raises RangeError if too many."""
    count = math.prod(map(len, parts))
    if count > MAX_NAMES:
        raise RangeError(f"`{text}` stands for {count} hosts, more than {MAX_NAMES}")
    return tuple("".join(combination) for combination in itertools.product(*parts))


def _range(text: str) -> tuple[str, ...]:
    if letters := _LETTERS.match(text):
        first, last = (g for g in letters.groups() if g)
        return tuple(chr(code) for code in _count(text, ord(first), ord(last), 1))
    numbers = _NUMBERS.match(text)
    if numbers is None:
        what = "an empty range" if not text.strip(": ") else "not a range"
        raise RangeError(f"`[{text}]` is {what}", "write the first and the last number: `[01:04]`")
    first, last, step = numbers.groups()
    width = len(first) if first.startswith("0") and first != "0" else 0
    if width and len(last) != width:
        padded = first.zfill(len(last)), last.zfill(width)
        raise RangeError(f"the ends of `[{text}]` differ in width", f"write `[{padded[0]}:{padded[1]}]`")
    if step is not None and int(step) == 0:
        raise RangeError(f"the step of `[{text}]` is 0", f"write `[{first}:{last}]`")
    return tuple(str(n).zfill(width) for n in _count(text, int(first), int(last), int(step or 1)))


def _count(text: str, first: int, last: int, step: int) -> range:
    if last < first:
        ends = text.split(":")
        raise RangeError(f"`[{text}]` runs backwards, so it is empty", f"write `[{ends[1]}:{ends[0]}]`")
    if (last - first) // step >= MAX_NAMES:
        raise RangeError(f"`[{text}]` stands for more than {MAX_NAMES} hosts")
    return range(first, last + 1, step)
