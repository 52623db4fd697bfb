"""A program of several files becomes one text, however its imports are written, and what a host lacks is refused."""

import ast
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path

import pytest

from provision.payload import bundle as bundling
from provision.payload.bundle import (
    ENVIRONMENT_PYTHON,
    PACKAGE,
    PROGRAMS,
    NotSent,
    assemble,
    bundle,
    collect,
    literal,
    shell,
    source,
)

PLACE = Path(bundling.__file__).parent
SHELL = sorted(path.relative_to(PLACE).as_posix() for path in PLACE.rglob("*.sh"))

#: A program whose imports stand in every way that Python has and a formatter or a person may write them in.
MAIN = '''
"""Says what it has found."""  # main: not cut here

from __future__ import annotations

import sys; import os.path  # two in a line
import provision.payload.words as words, provision.payload.deep.numbers
from provision.payload.words import (  # with a comment
    HELLO,
    THERE as there,  # and another

)
from provision.payload.words import \\
    TEXT
from .deep import numbers as n
if True:
    from provision.payload import words as again


def main() -> None:
    from .deep.numbers import TWO
    both = [provision.payload.deep.numbers.ONE, n.TWO, TWO]
    print(HELLO, there, words.TEXT == again.TEXT == TEXT, *both, os.path.sep)
    print(__name__, __file__ if "__file__" in globals() else "no file")
'''
WORDS = '''
HELLO, THERE = "hello", "there"
TEXT = """
from provision.payload.nowhere import nothing
PY
# main: not
if __name__ == "__main__":
\\x00 \\\\ 'single' "double" `$(id)` … 🙂
"""
if __name__ == "__main__":
    raise SystemExit("only the program's own beginning is the main module")
'''
NUMBERS = "from ..words import HELLO\n\n(ONE,\n TWO) = (len(HELLO) - 4,\n 2)\n"


def texts(**changed: str) -> dict[str, str]:
    own = {f"{PACKAGE}.{name}": text for name, text in changed.items()}
    return {
        f"{PACKAGE}.main": MAIN,
        f"{PACKAGE}.words": WORDS,
        f"{PACKAGE}.deep.numbers": NUMBERS,
        f"{PACKAGE}.start": source(f"{PACKAGE}.start") or "",
        PACKAGE: "",
        f"{PACKAGE}.deep": "",
        **own,
    }


def run(text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-I", "-B", "-"], input=text, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "text",
    [
        "import os, provision.payload.words",
        "from .words import TWO",
        "from \\\n  .words import TWO",
        "if 1:\n from. import words",
    ],
)
def test_every_import_of_ours_is_seen(text: str) -> None:
    found = [*bundling.imported("provision.payload.main", text, {"provision.payload.words": "TWO = 2"}.get)]
    assert found == ["provision.payload.words"]


def test_what_imports_none_of_ours_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ast, "parse", lambda _: pytest.fail("parsed"))
    assert collect("provision.payload.lifeline", source).keys() == {"provision.payload.lifeline"}


def test_imports_are_found_however_they_are_written() -> None:
    done = run(assemble(f"{PACKAGE}.main:main", texts().get))
    assert done.stdout == "hello there True 1 2 2 /\nprovision.payload.main no file\n", done.stderr


def test_what_is_ours_on_the_host_does_not_take_the_place_of_what_is_sent() -> None:
    """The Python that runs this has provision installed."""
    main = "import importlib\n\ndef main():\n    print(importlib.import_module('provision').__doc__)\n"
    assert run(assemble(f"{PACKAGE}.main:main", texts(main=main).get)).stdout == "None\n"


def test_an_error_names_the_file_and_the_line_that_it_happened_in() -> None:
    done = run(assemble(f"{PACKAGE}.main:main", texts(main="def main():\n    raise ValueError(1 + 1)\n").get))
    assert 'File "provision/payload/main.py", line 2, in main\n' in done.stderr


@pytest.mark.parametrize(
    "line",
    [
        "import provision",
        "from provision import load",
        "from provision.core.secret import Secret",
        "from ..core import secret",
        "from provision.payload.nowhere import nothing",
        "from provision.payload.deep import nothing",
        "def later():\n    import provision.core.errors as errors",
    ],
)
def test_what_a_host_does_not_get_cannot_be_imported(line: str) -> None:
    with pytest.raises(NotSent, match="provision"):
        assemble(f"{PACKAGE}.main:main", texts(main=line).get)


def test_a_program_that_is_in_no_table_is_not_sent() -> None:
    """Nobody would know which Python it must run on."""
    with pytest.raises(KeyError, match="start:start"):
        bundle("start:start")


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_package_on_a_host_is_empty_and_is_so_here(program: str) -> None:
    package = f"{PACKAGE}.{program}".partition(":")[0].rpartition(".")[0]
    text = files(package).joinpath("__init__.py").read_text(encoding="utf-8")
    assert text.startswith('"""') and text.rstrip().endswith('"""') and text.count('"""') == 2


@pytest.mark.parametrize("text", ["", "'\"\\\n\t\0", "…🙂é", "\\N{BULLET} \\x27 \\u2026", "\r\n\x1f\x85\u2028"])
def test_a_literal_is_its_text_on_one_line_of_ascii(text: str) -> None:
    written = literal(text)
    assert eval(written) == text
    assert written.isascii() and written.isprintable() and "'" not in written


def test_comments_of_a_file_of_shell_stay_here() -> None:
    sent = shell("venv/shared.sh")
    assert sent.startswith("set -e\nif ") and "# " not in sent
    assert shell("venv/shared.sh", "venv/remove.sh") == f"{sent}\n{shell('venv/remove.sh')}"


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash tells how it has understood a function")
@pytest.mark.parametrize("name", SHELL)
def test_nothing_but_comments_of_a_file_of_shell_stays_here(name: str) -> None:
    """A line that begins with # may be part of a text, or of a program of another language: see WITH_HASHES."""
    whole = files(PACKAGE).joinpath(name).read_text(encoding="utf-8")
    assert understood(whole) == understood(shell(name))


def understood(text: str) -> str:
    script = f"f() {{\n:\n{text}\n}}\ndeclare -f f"
    return subprocess.run(["bash", "-c", script], stdout=subprocess.PIPE, text=True, check=True).stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_only_an_environments_python_is_asked_for_libraries_and_not_before_it_runs(program: str) -> None:
    """Whoever reads a file, or looks into what it defines, needs none of them."""
    for name, text in collect(f"{PACKAGE}.{program}".partition(":")[0], source).items():
        at_once = [node for node in ast.parse(text).body if isinstance(node, ast.Import | ast.ImportFrom)]
        found = {module for node in at_once for module in modules(node)}
        assert found <= {*sys.stdlib_module_names, "provision"}, name
        later = {module for node in ast.walk(ast.parse(text)) for module in modules(node)} - found
        assert not later & {"torch", "ray", "vllm", "aiohttp"} or PROGRAMS[program] == ENVIRONMENT_PYTHON, name
        assert later <= {*sys.stdlib_module_names, "provision", "torch", "ray", "vllm", "aiohttp"}, name


def modules(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name.partition(".")[0] for alias in node.names}
    return {str(node.module).partition(".")[0]} if isinstance(node, ast.ImportFrom) else set()


def test_threads_parse_one_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two at once make Python 3.11 raise SystemError now and then, and a host fails."""
    at_once, most = 0, 0
    parse = ast.parse

    def slow(text: str) -> ast.Module:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        time.sleep(0.01)
        at_once -= 1
        return parse(text)

    with monkeypatch.context() as patched, ThreadPoolExecutor(4) as threads:
        patched.setattr(ast, "parse", slow)
        list(threads.map(bundle.__wrapped__, ["ask:main", "ask:wait", "records.look:main", "weights.seal:main"]))
    assert most == 1
