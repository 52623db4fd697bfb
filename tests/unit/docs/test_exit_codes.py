"""One table of exit codes: the code's, and nobody writes a number of their own."""

import ast
import re

import pytest
from click.testing import CliRunner
from source import FILES, ROOT

from provision.cli.group import provision
from provision.core.exits import SIGNAL, Exit, table

BEGIN, END = "<!-- exit codes: made from provision/core/exits.py -->\n", "<!-- end of exit codes -->"


def test_the_document_has_the_table() -> None:
    text = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    assert text.partition(BEGIN)[2].partition(END)[0] == table()


def test_the_page_has_the_table() -> None:
    said = CliRunner().invoke(provision, ["--help"]).output.partition("exit codes:\n")[2].partition("\n\n")[0]
    assert [tuple(line.split(maxsplit=1)) for line in said.splitlines()] == [(f"{e.value}", e.meaning) for e in Exit]


def numbers(text: str) -> list[int]:
    """Lines on which an exit code is given, or asked for, as a bare number."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Compare):
            parts, about = [node.left, *node.comparators], [node.left, *node.comparators]
        elif isinstance(node, ast.keyword) and node.arg == "exit_code":
            parts, about = [*ast.walk(node.value)], []
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value:
            about = [*(node.targets if isinstance(node, ast.Assign) else [node.target])]
            parts = [node.value]
        else:
            continue
        named = isinstance(node, ast.keyword) or any(
            "exit_code" in (getattr(part, "attr", ""), getattr(part, "id", "")) for part in about
        )
        inner = [child for part in parts for child in ast.walk(part)]
        if named and any(isinstance(c, ast.Constant) and type(c.value) is int for c in inner):
            found.append(inner[0].lineno)
    return found


@pytest.mark.parametrize("path", [path for path in FILES if "exit_code" in FILES[path]])
def test_no_file_has_a_number_for_an_exit_code(path: str) -> None:
    assert not numbers(FILES[path]), f"{path} should name an `Exit`"


@pytest.mark.parametrize(
    "line",
    ["exit_code = 2", "exit_code: int = 0", "ok = report.exit_code in (0, 3)", "f(exit_code=3 if drifted else code)"],
)
def test_a_number_is_seen(line: str) -> None:
    assert numbers(line) == [1]
    assert numbers(re.sub(r"\b\d\b", "Exit.NO", line)) == []


COMMANDS = [
    (path, function)
    for path in FILES
    if path.startswith("provision/cli/")
    for function in ast.walk(ast.parse(FILES[path]))
    if isinstance(function, ast.FunctionDef) and any("command" in ast.unparse(d) for d in function.decorator_list)
]


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[command.name for _, command in COMMANDS])
def test_a_command_returns_no_bare_number(path: str, command: ast.FunctionDef) -> None:
    returned = [node.value for node in ast.walk(command) if isinstance(node, ast.Return) and node.value]
    numbers = [c for value in returned for c in ast.walk(value) if isinstance(c, ast.Constant) and type(c.value) is int]
    assert not numbers, f"{path}: `{command.name}` should return an `Exit`"


def test_signals_are_told_from_what_we_say_ourselves() -> None:
    assert {code for code in Exit if code > SIGNAL} == {Exit.HUNG_UP, Exit.INTERRUPTED, Exit.TERMINATED}
