"""Versions of Python as an inventory may say them: `3.11` is any 3.11.x."""

from __future__ import annotations


def fits(found: str, wanted: str) -> bool:
    return found == wanted or found.startswith(f"{wanted}.")


def suits(found: str, wanted: str) -> bool:
    """As `fits`; one of which only `3.11` is known, by its name, may be any of these."""
    return fits(found, wanted) or found == minor(wanted)


def minor(version: str) -> str:
    """`3.11.7` → `3.11`."""
    return ".".join(version.split(".")[:2])


def number(version: str) -> tuple[int, ...]:
    """For comparing: `3.9` is older than `3.10`. Whatever a host says."""
    return tuple(int(part[:9]) for part in version.split(".") if part.isdecimal())
