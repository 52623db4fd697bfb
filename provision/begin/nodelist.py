"""Names of hosts as Slurm writes them: `gpu[01-04,07],login1` (scontrol show hostnames)."""

from __future__ import annotations

from provision.core.regex import regex
from provision.inventory.ranges import MAX_NAMES, RangeError, combined, expand

_BRACKETS = regex(r"\[([^\[\]]*)\]")
_PART = regex(r"(?:\[[^\[\]]*\]|[^,])+")
_NUMBERS = regex(r"([0-9]{1,9})(?:-([0-9]{1,9}))?\Z")


def split_list(text: str) -> list[str]:
    """At each comma that is not inside of brackets."""
    return [part.strip() for part in _PART.findall(text) if part.strip()]


def names_of(text: str) -> tuple[str, ...]:
    """Every name of a list, in order, each once. A range may also be written as in an inventory, `[01:04]`. Raises
    RangeError."""
    names: dict[str, None] = {}
    for part in split_list(text):
        ours = any(":" in inside for inside in _BRACKETS.findall(part))
        names |= dict.fromkeys(expand(part) if ours else _expanded(part))
        if len(names) > MAX_NAMES:
            raise RangeError(f"`{text[:60]}` stands for more than {MAX_NAMES} hosts")
    return tuple(names)


def _expanded(part: str) -> tuple[str, ...]:
    pieces = _BRACKETS.split(part)
    if any("[" in piece or "]" in piece for piece in pieces[::2]):
        raise RangeError(f"`{part}` has a bracket without its partner", "write a range as `gpu-[01-04]`")
    return combined(part, [_counted(piece) if index % 2 else (piece,) for index, piece in enumerate(pieces)])


def _counted(inside: str) -> tuple[str, ...]:
    found: list[str] = []
    for item in inside.split(","):
        match = _NUMBERS.match(item.strip())
        if match is None:
            raise RangeError(f"`[{inside}]` is not a range", "write the first and the last number: `[01-04]`")
        first, last = match[1], match[2] or match[1]
        if int(last) < int(first):
            raise RangeError(f"`[{inside}]` runs backwards, so it is empty", f"write `[{last}-{first}]`")
        if int(last) - int(first) >= MAX_NAMES:
            raise RangeError(f"`[{inside}]` stands for more than {MAX_NAMES} hosts")
        # The width of the first number is that of all: `[09-11]`, and `[9-11]`.
        found += [str(number).zfill(len(first)) for number in range(int(first), int(last) + 1)]
    return tuple(found)
