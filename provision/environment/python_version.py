"""Versions of Python as an inventory may say them: `3.11` is any 3.11.x."""

from __future__ import annotations


def fits(found: str, wanted: str) -> bool:
    return found == wanted or found.startswith(f"{wanted}.")


def minor(version: str) -> str:
    """`3.11.7` → `3.11`."""
    return ".".join(version.split(".")[:2])
