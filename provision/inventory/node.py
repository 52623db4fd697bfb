"""A value of the inventory file that knows where it stands, so that a mistake found late is told at its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from provision.core.values import dataclass


@dataclass(frozen=True, slots=True)
class YamlNode:
    """A value of the file. `line` and `column` count from 1; `key` is where its key stands; `path` is the
    way there from the top. `text` is what was written, of a scalar. `tag`: one of Ansible's, `!vault` or `!unsafe`."""

    value: Any  # None, bool, int, float, str, tuple of nodes, dict of nodes
    line: int
    column: int
    path: tuple[str, ...] = ()
    key: tuple[int, int] = (0, 0)
    text: str = ""
    quoted: bool = False
    tag: str = ""

    @property
    def name(self) -> str:
        return dotted(self.path)

    def with_text(self, text: str) -> YamlNode:
        """The same place with another scalar."""
        return replace(self, value=text, text=text)

    @property
    def parent(self) -> str:
        return dotted(self.path[:-1])

    @property
    def is_mapping(self) -> bool:
        return isinstance(self.value, dict)

    @property
    def is_list(self) -> bool:
        return isinstance(self.value, tuple)

    @property
    def is_scalar(self) -> bool:
        return not isinstance(self.value, dict | tuple)

    @property
    def children(self) -> dict[str, YamlNode]:
        """Of a mapping; empty for everything else."""
        return self.value if isinstance(self.value, dict) else {}

    def find(self, *path: str) -> YamlNode | None:
        """What stands at `path` below this node."""
        node: YamlNode | None = self
        for key in path:
            node = node.children.get(key) if node else None
        return node

    def plain(self) -> Any:
        """The value without positions."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, tuple):
            return [child.plain() for child in self.value]
        return self.value

    def with_value(self, value: Any) -> YamlNode:
        return replace(self, value=value)

    def walk(self) -> Iterator[YamlNode]:
        yield self
        inner = self.value.values() if isinstance(self.value, dict) else self.value if self.is_list else ()
        for child in inner:
            yield from child.walk()


def dotted(path: tuple[str, ...]) -> str:
    """`python.packages[1]`."""
    return "".join(part if part.startswith("[") or i == 0 else f".{part}" for i, part in enumerate(path))
