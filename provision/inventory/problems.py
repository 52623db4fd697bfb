"""Collects every mistake of a file, so that a person can fix all of them at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NoReturn

from provision.core.errors import InventoryError, Problem

if TYPE_CHECKING:
    from provision.inventory.node import YamlNode


class Problems:
    """The mistakes found so far. The same mistake at the same place is told once: a cluster-wide setting
    is looked at again for every host."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._found: dict[tuple[int, int, str, str], Problem] = {}

    def __bool__(self) -> bool:
        return bool(self._found)

    def about(self, node: YamlNode) -> bool:
        """Whether something is told already of `node`, or of what is in it."""
        return any(f"{p.path}.".startswith((f"{node.name}.", f"{node.name}[")) for p in self._found.values())

    def at(self, line: int, column: int, message: str, hint: str = "", path: str = "") -> None:
        key = (line, column, path, message)
        self._found.setdefault(key, Problem(self.file, line, column, path, message, hint))

    def value(self, node: YamlNode, message: str, hint: str = "") -> None:
        """What stands at `node` is wrong."""
        self.at(node.line, node.column, message, hint, node.name)

    def key(self, node: YamlNode, message: str, hint: str = "") -> None:
        """The key of `node` is wrong, or has no business there: told as a mistake of what holds it."""
        line, column = node.key
        self.at(line, column, message, hint, node.parent)

    @property
    def found(self) -> list[Problem]:
        """In the order of their places."""
        return sorted(self._found.values(), key=lambda p: (p.line, p.column))

    def stop(self) -> NoReturn:
        raise InventoryError(self.found)

    def stop_if_any(self) -> None:
        if self:
            self.stop()


def listing(words: Iterable[str], conjunction: str = "or") -> str:
    """`a`, `b` or `c`."""
    quoted = [f"`{word}`" for word in words]
    return f" {conjunction} ".join([", ".join(quoted[:-1]), quoted[-1]]) if len(quoted) > 1 else "".join(quoted)


def shorten(text: str) -> str:
    """One line of at most 60 characters."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:59] + "…"
