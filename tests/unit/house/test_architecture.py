"""The other rules of the house, held by reading every file. Each rule says why it is there."""

import ast
import configparser
import re
import subprocess
from collections.abc import Iterator

import pytest
from layers import LAYERS
from source import FILES, ROOT, module_of, room_of, tree

#: Lines of the longest file there is; a new one should have fewer.
LONGEST = 312

AT_THE_TOP = {
    *("setup.cfg", "setup.py", "pyproject.toml", "Makefile", "LICENSE"),
    *("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"),
    *("provision", "inventories", "playbooks", "tests", "docs", "benchmarks"),
}

GPU_WORDS = re.compile(r"(?<![a-z])(?:gpus?|nvidia|cuda|vllm|ray)(?![a-z])", re.IGNORECASE)
SERVED_WORDS = re.compile(r"(?<![a-z])(?:nvidia|vllm|ray)(?![a-z])", re.IGNORECASE)


def of_room(*rooms: str) -> list[str]:
    return [path for path in FILES if room_of(module_of(path)) in rooms]


def outside(*rooms: str) -> Iterator[tuple[str, ast.AST]]:
    """(where, node) of all files but those of the rooms."""
    for path in [path for path in FILES if path not in {*of_room(*rooms)}]:
        for node in ast.walk(tree(path)):
            yield f"{path}:{getattr(node, 'lineno', 0)}", node


def speaking(words: re.Pattern[str], *rooms: str) -> dict[str, set[str]]:
    return {path: {*words.findall(FILES[path])} for path in of_room(*rooms) if words.search(FILES[path])}


def test_only_the_transport_reveals_a_secret() -> None:
    found = [where for where, node in outside("transport") if isinstance(node, ast.Attribute) and node.attr == "reveal"]
    found = [where for where in found if not where.startswith("provision/core/secret.py:")]
    assert not found, "\n".join(found)


def test_only_the_views_print() -> None:
    calls = ((where, node.func) for where, node in outside("render", "cli") if isinstance(node, ast.Call))
    found = [where for where, called in calls if isinstance(called, ast.Name) and called.id == "print"]
    assert not found, "\n".join(found)


def test_who_acts_does_not_know_what_a_gpu_is() -> None:
    """Not even in a comment: another model server, on other hardware, is another playbook."""
    assert speaking(GPU_WORDS, "engine", "transport") == {}


def test_the_values_do_not_know_what_is_served_by_what() -> None:
    assert speaking(SERVED_WORDS, "core") == {}


def test_words_are_found_within_names_as_well() -> None:
    assert GPU_WORDS.findall("all_gpus, VLLM_HOST_IP, of Ray's; nvidia-smi") == ["gpus", "VLLM", "Ray", "nvidia"]
    assert not GPU_WORDS.findall("arrays of trays are gathered")


def test_only_the_loader_knows_where_the_playbooks_are() -> None:
    assert [path for path in FILES if re.search(r"provision\.playbooks|[\"']vllm_(?:ray|mp)[\"']", FILES[path])] == [
        "provision/engine/playbook_loader.py",
        "provision/stack/backends.py",
    ]


def test_nothing_else_stands_at_the_top() -> None:
    """A newcomer sees what the project is made of, and what somebody's tools have left is not committed."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
        names = {line.partition("/")[0] for line in listed.splitlines()}
    else:  # a copy, in which what is built lies as well
        names = {path.name for path in ROOT.iterdir()} - {"build", "dist", "PKG-INFO"}
    assert {name for name in names if not name.startswith(".") and not name.endswith(".egg-info")} == AT_THE_TOP


def test_at_most_two_modules_stand_loose() -> None:
    """Beside `python -m provision`: who opens the folder sees rooms."""
    loose = {path.name for path in (ROOT / "provision").glob("*.py")}
    assert loose - {"__main__.py"} == {"__init__.py", "api.py"}


@pytest.mark.parametrize("room", sorted({*LAYERS} - {"api", "__main__"}))
def test_a_room_says_what_it_is_for_in_five_lines(room: str) -> None:
    path = "provision/__init__.py" if room == "provision" else f"provision/{room}/__init__.py"
    path = "playbooks/__init__.py" if room == "playbooks" else path
    said = ast.get_docstring(tree(path))
    assert said, f"{path} does not say what the room is for"
    assert len(said.splitlines()) <= 5, f"{path} says more than one reads"


def test_every_room_is_installed() -> None:
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    rooms = {
        path.parent.relative_to(ROOT).as_posix().replace("/", ".") for path in ROOT.glob("provision/**/__init__.py")
    }
    files = {path.parent.relative_to(ROOT).as_posix().replace("/", ".") for path in ROOT.glob("provision/**/*.py")}
    listed = set(settings["options"]["packages"].split())
    assert files == rooms
    assert rooms | {"provision.playbooks", "provision.inventories"} == listed


def test_the_document_lists_every_room() -> None:
    """The tree of ARCHITECTURE.md, by its indentation: two columns for each folder."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    drawn = text.partition("## The rooms")[2].partition("```")[2].partition("```")[0]
    trail: list[str] = []
    found = set()
    for line in drawn.splitlines():
        if match := re.match(r"( *)([\w/]+)/(?: |$)", line):
            trail = [*trail[: len(match[1]) // 2], match[2]]
            found.add("/".join(trail))
    folders = {path.parent.relative_to(ROOT).as_posix() for path in ROOT.glob("provision/**/*.py")}
    assert {place for place in found if place.startswith("provision")} == folders


def test_unit_tests_lie_where_what_they_test_does() -> None:
    folders = {
        path.parent.relative_to(ROOT / "tests" / "unit").as_posix() for path in ROOT.glob("tests/unit/**/test_*.py")
    }
    assert folders <= {*LAYERS, "distribution", "docs", "house"}


def test_a_file_fits_in_the_head() -> None:
    """A longer one holds more than one idea."""
    assert {path: len(text.splitlines()) for path, text in FILES.items() if len(text.splitlines()) > LONGEST} == {}
