"""A list of packages, which may be one file that holds them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from provision.inventory.section import Section


class OfAFile(Section):
    """All packages are in one file."""

    file: str = Field(description="`requirements.txt`, `pyproject.toml`, `uv.lock` or `pylock.toml`, by the inventory")


def of_a_file(value: object) -> object:
    """`{file: NAME}` is a list of that file alone."""
    if isinstance(value, dict) and set(value) == {"file"} and isinstance(value["file"], str):
        return (value["file"],)
    # Of JSON, what comes through here is checked as if it were Python's.
    return tuple(value) if isinstance(value, list) else value


PackageList = Annotated[tuple[str, ...], BeforeValidator(of_a_file, json_schema_input_type=tuple[str, ...] | OfAFile)]
