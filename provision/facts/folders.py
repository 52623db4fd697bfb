"""Which of our folders somebody else could change, as payload/files/trust.sh says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from provision.core.regex import regex
from provision.facts.model import Exposed

_LINE = regex(r"(root|model)\|([a-z]{1,16})\|([0-7-]{1,5})\|([^|]*)\|([^|]*)\|(/.*)")


def read_exposed(lines: Sequence[str]) -> Mapping[str, Exposed]:
    """By what the folder is for, `root` or `model`; one that is not named is as it should be."""
    found = {}
    for line in lines:
        match = _LINE.fullmatch(line)
        if match:
            use, why, mode, owner, group, path = match.groups()
            found[use] = Exposed(path, why, mode, owner, group)
    return found
