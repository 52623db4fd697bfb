"""The list of programs that lab, demo, benchmarks and tests need, against the programs that they call."""

import ast
from collections.abc import Iterator
from pathlib import Path

import machine
import pytest

from provision.lab import requirements

ROOT = Path(__file__).parents[3]
FOLDERS = ("tests", "benchmarks", "provision/lab")
#: tests/newcomer runs where provision is not installed: it names what it lacks by a list of its own.
FILES = sorted(
    path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py") if path.parent != ROOT / "tests/newcomer"
)
#: Called with a list of arguments, on this machine (what is called on a lab's host comes with its base).
CALLS = {"run", "Popen", "check_output", "check_call", "call"}
#: In every Debian: packages that are essential or required (coreutils, bash, dash, mount, passwd, login, util-linux,
#: dpkg, apt, python3), and what a virtual environment has.
EVERYWHERE = {
    *(
        "sh",
        "bash",
        "dash",
        "env",
        "ls",
        "mv",
        "rm",
        "cp",
        "cat",
        "chown",
        "mount",
        "umount",
        "timeout",
        "touch",
        "true",
    ),
    *("apt-cache", "dpkg-deb", "du", "sleep"),
    *("useradd", "userdel", "usermod", "chpasswd", "apt-get", "chroot", "python3", "tar", "mkdir", "ln", "test"),
    "sync",
}


def literals(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, program): the first word of each list that is passed to something that runs programs."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        local = owner is None or (isinstance(owner, ast.Name) and owner.id == "subprocess")
        if name in CALLS and local and node.args and isinstance(node.args[0], (ast.List, ast.Tuple)):
            first = node.args[0].elts[0] if node.args[0].elts else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield node.lineno, first.value


def test_a_program_that_is_called_stands_in_the_list() -> None:
    unknown = [
        f"{path.relative_to(ROOT)}:{line} calls `{program}`"
        for path in FILES
        for line, program in literals(ast.parse(path.read_text()))
        if (name := program.rpartition("/")[2]) not in {*requirements.PACKAGES, *EVERYWHERE} and not _comes_along(name)
    ]
    assert not unknown, "name its package in lab/requirements.py"


def _comes_along(name: str) -> bool:
    """Whether it is in a package that another program of the list brings."""
    return name in {"ssh-add", "pgrep", "kill", "setsid"}


def test_the_calls_are_found() -> None:
    """So that the test above cannot pass for want of anything to look at."""
    called = {name for path in FILES for _, name in literals(ast.parse(path.read_text()))}
    assert {"ip", "iptables", "ps", "ssh-keygen", "sh"} <= called


def test_all_that_tests_say_they_need_has_a_package() -> None:
    said: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "needs":
                said |= {arg.value for arg in node.args if isinstance(arg, ast.Constant)}
    said |= {need for needs in (*machine.FOLDERS.values(), *machine.FIXTURES.values()) for need in needs}
    assert {"lab", "nft", "root"} <= said
    unknown = {need for need in said if need not in machine.ABILITIES and need not in requirements.PACKAGES}
    assert {need for need in unknown if not need.startswith("/")} == set()


@pytest.mark.parametrize("manager", requirements.MANAGERS)
def test_every_program_has_a_package_in_every_manager(manager: str) -> None:
    for program in requirements.PACKAGES:
        assert requirements.packages_of([program], manager)
