"""Amounts in words, and words that were meant: the same everywhere, in findings, cells, messages and hints."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping

KIB, MIB, GIB = 2**10, 2**20, 2**30

_UNITS = ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB"))

#: Two of the smaller unit say more than one of the larger: `36 hours`, not `1 day`.
_SPANS = ((86_400, "days", "days"), (3_600, "h", "hours"), (60, "min", "minutes"))


def size(count: float) -> str:
    """Bytes of memory, or of a disk, to two figures at least: `1008 GiB`, `1.5 GiB`, `64 MiB`."""
    unit, name = next((entry for entry in _UNITS if count >= entry[0]), (1, "B"))
    amount = count / unit
    return f"{amount:.1f} {name}" if amount < 9.95 and amount % 1 else f"{amount:.0f} {name}"


def download(count: float) -> str:
    """Bytes of a model's files, as the hub counts them: `50.0 GB`, `1.5 MB`."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def span(seconds: float, *, spelled: bool = False) -> str:
    """As roughly as a person would say it: `3 days`, `5 h`, `12 min`, `40 s`; `spelled`: `5 hours`, `12 minutes`, and
    `a moment` for less."""
    for length, short, long in _SPANS:
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {long if spelled else short}"
    return "a moment" if spelled else f"{max(0.0, seconds):.0f} s"


def typed(template: str, values: Mapping[str, object]) -> str:
    """`template` with its `{names}` filled in. Within backticks stands what is typed: there a text is quoted for the
    shell, since it may come from an inventory, a host or a log. Outside them it is prose."""
    quoted = {name: shlex.quote(value) if isinstance(value, str) else value for name, value in values.items()}
    parts = template.split("`")
    return "`".join(part.format(**(quoted if index % 2 else values)) for index, part in enumerate(parts))


def did_you_mean(word: str, choices: Iterable[str], before: str = "") -> str:
    """``did you mean `address`?`` behind `before`, or nothing if no choice is near."""
    near = nearest(word, choices)
    return f"{before}did you mean `{near}`?" if near else ""


def nearest(word: str, choices: Iterable[str]) -> str:
    """Of `choices` the one that `word` may have been meant for; empty if none is near."""
    import difflib  # for who has made a mistake

    by_lower = {choice.lower(): choice for choice in choices}
    for tried in (word.lower().replace("-", "_"), word.lower()):
        for near in difflib.get_close_matches(tried, by_lower, n=1, cutoff=0.6):
            return by_lower[near]
    return ""


def is_true(text: str) -> bool:
    """Whether a variable of the environment is set to what means yes, as huggingface_hub reads it."""
    return text.lower() in ("1", "true", "yes", "on")
