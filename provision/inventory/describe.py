"""What a value should look like, in words, from the same annotations that pydantic judges by."""

from __future__ import annotations

import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from provision.inventory.problems import listing
from provision.inventory.section import Scalar
from provision.inventory.words import Words

_ONE_SIDED = {Ge: ("ge", "of at least"), Gt: ("gt", "above"), Le: ("le", "of at most"), Lt: ("lt", "below")}


def unwrapped(kind: Any, metadata: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    """The type inside of `Annotated[…]` and `… | None`, and its metadata."""
    if get_origin(kind) is Annotated:
        inner, *more = get_args(kind)
        return unwrapped(inner, (*metadata, *more))
    kinds = members(kind)
    return unwrapped(kinds[0], metadata) if len(kinds) == 1 else (kind, metadata)


def members(kind: Any) -> tuple[Any, ...]:
    """Of a union, without None; nothing for other types."""
    if get_origin(kind) in (Union, types.UnionType):
        return tuple(arg for arg in get_args(kind) if arg is not type(None))
    return ()


def describe(kind: Any, metadata: tuple[Any, ...] = ()) -> str:
    """`a whole number from 1 to 65535`, for example."""
    words = next((item.text for item in metadata if isinstance(item, Words)), None)
    if words is not None:
        return words
    if kinds := members(kind):
        lists = "" if kinds == members(Scalar) else ", or a list of these"
        return "text, a number, `true` or `false`" + lists
    if get_origin(kind) is Literal:
        return listing(str(arg) for arg in get_args(kind))
    if get_origin(kind) is tuple:
        return "a list"
    if get_origin(kind) is dict or (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return "a mapping"
    if kind in (int, float):
        return ("a whole number" if kind is int else "a number") + _limits(metadata)
    return "`true` or `false`" if kind is bool else "text"


def _limits(metadata: tuple[Any, ...]) -> str:
    flat = [m for item in metadata for m in (item.metadata if isinstance(item, FieldInfo) else [item])]
    low = next((m.ge for m in flat if isinstance(m, Ge)), None)
    high = next((m.le for m in flat if isinstance(m, Le)), None)
    if low is not None and high is not None:
        return f" from {low} to {high}"
    for item in flat:
        if type(item) in _ONE_SIDED:
            attribute, text = _ONE_SIDED[type(item)]
            return f" {text} {getattr(item, attribute)}"
    return ""
