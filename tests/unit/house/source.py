"""What the files of the project import, read and not run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[3]

#: Path below the project, and text.
FILES: Mapping[str, str] = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for folder in ("provision", "playbooks")
    for path in sorted((ROOT / folder).rglob("*.py"))
}


@dataclass(frozen=True)
class Import:
    """`at_once`: done while the file itself is being imported, by the interpreter: not in a function, not for types."""

    line: int
    module: str
    at_once: bool


def module_of(path: str) -> str:
    parts = path.removesuffix(".py").split("/")
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree(path: str) -> ast.Module:
    return ast.parse(FILES[path])


MODULES: Mapping[str, str] = {module_of(path): path for path in FILES}


def room_of(module: str) -> str:
    """`provision.checks.gpu.xid` → `checks/gpu`; what is no module of ours → its first name."""
    names = module.split(".")
    if names[:2] == ["provision", "playbooks"]:
        return "playbooks"  # as it is called where it is installed
    if names[0] != "provision" or len(names) == 1:
        return names[0]
    while len(names) > 2 and not _is_package(".".join(names)):
        names.pop()
    return "/".join(names[1:])


def _is_package(module: str) -> bool:
    return MODULES.get(module, "").endswith("/__init__.py")


def _public() -> Mapping[str, str]:
    """Name of the public face → its module."""
    face = ast.parse(FILES["provision/__init__.py"])
    (table,) = (
        ast.literal_eval(node.value)
        for node in face.body
        if isinstance(node, ast.Assign) and _name(node.targets[0]) == "_PUBLIC"
    )
    return {name: f"provision.{module}" for module, names in table.items() for name in names}


@cache
def imports(path: str, text: str) -> tuple[Import, ...]:
    """All of them: by either word, relative ones, those in functions and those for types alone, and what a constant
    names to `import_module`. What comes from the public face comes from where that has it from."""
    return tuple(dict.fromkeys(_walk(ast.parse(text), path, True)))


def _walk(node: ast.AST, path: str, at_once: bool) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield Import(node.lineno, alias.name, at_once)
    elif isinstance(node, ast.ImportFrom):
        base = _absolute(node, path)
        for alias in node.names:
            whole = f"{base}.{alias.name}"
            found = PUBLIC.get(alias.name, base) if base == "provision" else base
            yield Import(node.lineno, whole if whole in MODULES else found, at_once)
    elif isinstance(node, ast.Call) and _name(node.func) in ("import_module", "__import__") and node.args:
        first = node.args[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield Import(node.lineno, first.value, at_once)
    inner = at_once and not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
    if isinstance(node, ast.If) and _name(node.test) == "TYPE_CHECKING":
        for child in node.body:
            yield from _walk(child, path, False)
        for child in node.orelse:
            yield from _walk(child, path, at_once)
        return
    for child in ast.iter_child_nodes(node):
        yield from _walk(child, path, inner)


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _absolute(node: ast.ImportFrom, path: str) -> str:
    if not node.level:
        return node.module or ""
    folder = path.split("/")[:-1]
    above = folder[: len(folder) - (node.level - 1)]
    return ".".join([*above, *([node.module] if node.module else [])])


def circles(files: Mapping[str, str]) -> list[list[str]]:
    """Files that import each other, round about; each circle once. Imports for types alone are no circle: the
    interpreter does not follow them."""
    edges = {
        path: sorted({MODULES[i.module] for i in imports(path, text) if i.at_once and i.module in MODULES} - {path})
        for path, text in files.items()
    }
    state: dict[str, int] = {}
    found: list[list[str]] = []

    def visit(path: str, trail: list[str]) -> None:
        state[path] = 1
        for other in edges.get(path, ()):
            if state.get(other) == 1:
                found.append([*trail[trail.index(other) :], other] if other in trail else [path, other])
            elif other not in state:
                visit(other, [*trail, other])
        state[path] = 2

    for path in edges:
        if path not in state:
            visit(path, [path])
    return found


PUBLIC = _public()
