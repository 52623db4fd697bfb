"""Imports of a person's own files that name what has moved since, and what to write instead."""

from __future__ import annotations

import ast
import traceback
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from provision.core.values import dataclass


@dataclass(frozen=True)
class Moved:
    """`old`: the module, or the name in it. `write`: the statement to put in place of that part of the line."""

    path: str
    line: int
    old: str
    write: str


def moved_imports(error: BaseException, table: Mapping[str, str]) -> list[Moved]:
    """Those of the file in which `error` arose, the one that caused it first. Empty where it has another reason."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith("<")]
    if not isinstance(error, ImportError) or not frames:
        return []
    path, at = frames[-1].filename, frames[-1].lineno or 0
    try:
        tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return []
    found = [
        (not node.lineno <= at <= (node.end_lineno or node.lineno), Moved(path, node.lineno, old, write))
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for old, write in _now(node, table)
    ]
    found.sort(key=lambda item: (item[0], item[1].line))
    return [moved for _, moved in found] if found and not found[0][0] else []


def _now(node: ast.Import | ast.ImportFrom, table: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.name in table:
                yield alias.name, f"import {_named(table[alias.name], alias)}"
    elif node.module and not node.level:
        for alias in node.names:
            whole = f"{node.module}.{alias.name}"
            if whole in table:
                package, _, name = table[whole].rpartition(".")
                yield whole, f"from {_shortest(package, name)} import {_named(name, alias)}"
            elif node.module in table and not _is_module(whole):
                package = _shortest(table[node.module], alias.name)
                yield node.module, f"from {package} import {_named(alias.name, alias)}"


def _shortest(module: str, name: str) -> str:
    """The public face where `name` is public: what lies deeper may move again."""
    top = module.partition(".")[0]
    try:
        face = import_module(top)
        if name in face.__all__ and getattr(face, name) is getattr(import_module(module), name):
            return top
    except (ImportError, AttributeError):  # an old name that is nowhere now: then it is told when this import fails
        pass
    return module


def _named(name: str, alias: ast.alias) -> str:
    return f"{name} as {alias.asname}" if alias.asname else name


def _is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ImportError:
        return False
