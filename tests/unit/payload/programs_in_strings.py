"""Finds programs that stand in a string of a Python file, where nothing checks them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

#: Lines that are few enough to be read where they stand: of Python, and of shell.
OF_PYTHON, OF_SHELL = 1, 5

#: What only a shell's text has.
SHELL = re.compile(
    r"(?m)^\s*(?:set -|export |exec |trap |umask |mkdir |rm |mv |cd |echo |printf |for \w+ in |while |until |if \[)"
    r"|^\s*(?:case |esac|fi$|done|read )|;;|\$[{(]|\"\$\w|\$[1-9@#?*]|; (?:then|do)\b|\[ -\w |>&2|2>|<<"
)
#: Commands one after the other: a line is no longer than a person writes it.
COMMANDS = re.compile(r"\n|;\s(?!then|do\b)|\s&&\s|\s\|\|\s|\s\|\s")


@dataclass(frozen=True)
class Found:
    line: int
    kind: str
    lines: int
    text: str


def programs(text: str) -> Iterator[Found]:
    """All of them that are longer than they may be."""
    tree = ast.parse(text)
    words = set(_docstrings(tree))
    inner: set[ast.AST] = set()
    for node in ast.walk(tree):
        if node in words or node in inner:
            continue
        value = _value(node)
        if value is None:
            continue
        inner |= set(ast.walk(node))
        if found := _program(value):
            kind, lines = found
            yield Found(node.lineno if isinstance(node, ast.expr) else 0, kind, lines, value)


def _program(value: str) -> tuple[str, int] | None:
    """Which language it is in, and how long, where it is longer than it may be."""
    lines = [line for line in value.splitlines() if line.strip() and not line.strip().startswith("#")]
    if len(lines) > OF_PYTHON and _is_python(value):
        return "Python", len(lines)
    commands = [part for part in COMMANDS.split(value) if part.strip() and not part.strip().startswith("#")]
    if max(len(lines), len(commands) if SHELL.search(value) else 0) > OF_SHELL and len(SHELL.findall(value)) > 1:
        return "shell", max(len(lines), len(commands))
    # Python within something else, as behind a heredoc or in `python -c`.
    within = re.search(r"(?ms)<<-?\s*['\"]?(\w+)['\"]?\n(.*?)^\1$", value)
    if within and len(within[2].splitlines()) > OF_PYTHON:
        return "here-document", len(within[2].splitlines())
    return None


def _is_python(value: str) -> bool:
    """Text that Python reads as statements, at least one of which does something."""
    try:
        body = ast.parse(value).body
    except (SyntaxError, ValueError):
        return False
    does = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.For, ast.While, ast.If, ast.With)
    return any(isinstance(statement, does) or _calls(statement) for statement in body)


def _calls(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)


def _value(node: ast.AST) -> str | None:
    """The text of a constant, with what is put into it left out; of several that are joined, all of it."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(_value(part) or "x" for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts = _value(node.left), _value(node.right)
        return "".join(part or "x" for part in parts) if any(parts) else None
    return None


def _docstrings(tree: ast.AST) -> Iterator[ast.AST]:
    """Strings that are statements: words."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value
