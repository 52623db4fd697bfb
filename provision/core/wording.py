"""Amounts in words, as findings and cells have them."""

from __future__ import annotations

_UNITS = ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def size(count: float) -> str:
    """Bytes, to two figures at least: `1008 GiB`, `1.5 GiB`, `64 MiB`."""
    unit, name = next((entry for entry in _UNITS if count >= entry[0]), (1, "B"))
    amount = count / unit
    return f"{amount:.1f} {name}" if amount < 9.95 and amount % 1 else f"{amount:.0f} {name}"


def span(seconds: float) -> str:
    """`3 days`, `5 h`, `12 min`: how long a host is up."""
    for unit, name in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s" if seconds else ""
