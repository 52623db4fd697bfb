"""Passwords of URLs: left out of what is kept of an inventory, and taken from the present one when it is needed."""

from __future__ import annotations

from collections.abc import Iterator

from provision.core.secret import MASK
from provision.core.urls import masked


def without(value: object) -> object:
    """A JSON value with a mask in place of each password."""
    if isinstance(value, dict):
        return {name: without(part) for name, part in value.items()}
    if isinstance(value, list):
        return [without(part) for part in value]
    return masked(value) if isinstance(value, str) else value


def with_those_of(kept: object, present: object) -> object:
    """`kept` with the texts of `present`, a JSON value, that are the same but for their passwords."""
    known = {masked(text): text for text in _texts(present) if masked(text) != text}
    return _replaced(kept, known)


def lost(value: object) -> bool:
    """Whether a password is still missing."""
    return any(masked(text) == text and MASK in text and "://" in text for text in _texts(value))


def _replaced(value: object, known: dict[str, str]) -> object:
    if isinstance(value, dict):
        return {name: _replaced(part, known) for name, part in value.items()}
    if isinstance(value, list):
        return [_replaced(part, known) for part in value]
    return known.get(value, value) if isinstance(value, str) else value


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _texts(part)
    elif isinstance(value, str):
        yield value
