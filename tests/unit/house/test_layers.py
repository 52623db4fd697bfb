"""Who may import what, by the one table, `layers.py`; and that whoever breaks it is caught."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pytest
from layers import LAYERS, PURE, table
from source import FILES, ROOT, circles, imports, module_of, room_of

PLAIN = {*sys.stdlib_module_names, "tomllib"}  # which Python 3.10 does not have yet
#: Libraries that some room may have, those that only the hosts have, and what comes with another one.
LIBRARIES = {name for row in LAYERS.values() for name in row.libraries} | {"ray", "vllm", "torch", "invoke"}


def rooms(paths: Iterable[str]) -> set[str]:
    return {room_of(module_of(path)) for path in paths}


def violations(path: str, text: str) -> Iterator[str]:
    """What a file of that path and text imports against the table."""
    room = room_of(module_of(path))
    row = LAYERS[room]
    for found in imports(path, text):
        first = found.module.partition(".")[0]
        other = room_of(found.module)
        place = f"{path}:{found.line} imports {found.module}"
        if first in ("provision", "playbooks"):
            if other not in (room, *row.rooms):
                yield f"{place}: `{room}` may not import `{other}`: {row.why}"
        elif first in PLAIN:
            for files, banned, why in PURE:
                if path.startswith(files) and first in banned:
                    yield f"{place}: {why}"
        elif first not in row.libraries:
            yield f"{place}: `{room}` has no such library: {row.why}"
        elif any(path.startswith(files) and first in banned for files, banned, _ in PURE):
            yield f"{place}: not in this file"


def test_a_file_imports_only_what_its_room_may() -> None:
    found = [one for path, text in FILES.items() for one in violations(path, text)]
    assert not found, "\n".join(found)


def test_every_room_has_a_row_and_every_row_a_room() -> None:
    assert {*LAYERS} == rooms(FILES)


@pytest.mark.parametrize("room", LAYERS)
def test_a_row_names_only_rooms_above_it_in_order_and_once(room: str) -> None:
    """So that no two rooms import each other, also round about."""
    row = LAYERS[room]
    assert set(row.rooms) <= set([*LAYERS][: [*LAYERS].index(room)])
    assert list(row.rooms) == sorted(set(row.rooms))
    assert list(row.libraries) == sorted(set(row.libraries))
    assert row.why


@pytest.mark.parametrize("room", LAYERS)
def test_a_row_says_no_more_than_its_files_do(room: str) -> None:
    found = [i.module for path, text in FILES.items() if room_of(module_of(path)) == room for i in imports(path, text)]
    assert {room_of(module) for module in found} & set(LAYERS) - {room} == set(LAYERS[room].rooms)
    assert {module.partition(".")[0] for module in found} & LIBRARIES == set(LAYERS[room].libraries)


def test_no_files_import_each_other() -> None:
    assert circles(FILES) == []


# From here on the test is tested: a made-up import is put into a copy of a file, in memory.

FUTURE = "from __future__ import annotations\n"


def with_import(path: str, line: str) -> str:
    text = FILES[path]
    return text.replace(FUTURE, f"{FUTURE}\n{line}\n", 1) if FUTURE in text else f"{text}\n{line}\n"


def a_file_of(room: str) -> str:
    """A short one, with more in it than words where there is one."""
    files = [path for path in FILES if room_of(module_of(path)) == room]
    return min(files, key=lambda path: (FUTURE not in FILES[path], len(FILES[path])))


@pytest.mark.parametrize("room", LAYERS)
def test_an_import_of_a_room_that_is_not_in_the_row_is_reported(room: str) -> None:
    path = a_file_of(room)
    for other in sorted({*LAYERS} - {room, *LAYERS[room].rooms}):
        module = module_of(a_file_of(other))
        package, _, name = module.rpartition(".")
        line = f"from {package} import {name}" if package else f"import {name}"
        (reported,) = violations(path, with_import(path, line))
        assert f"imports {module}: `{room}` may not import `{other}`" in reported


@pytest.mark.parametrize("room", LAYERS)
def test_a_library_that_is_not_in_the_row_is_reported(room: str) -> None:
    path = a_file_of(room)
    for library in sorted(LIBRARIES - set(LAYERS[room].libraries)):
        (reported,) = violations(path, with_import(path, f"from {library}.inner import thing"))
        assert f"imports {library}.inner: `{room}` has no such library" in reported


@pytest.mark.parametrize(
    ("path", "banned"),
    [(path, banned) for starts, banned, _ in PURE for path in FILES if path.startswith(starts)],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_depends_on_values_alone_may_not_look_further(path: str, banned: tuple[str, ...]) -> None:
    assert [module for module in banned if not [*violations(path, with_import(path, f"import {module}"))]] == []


@dataclass(frozen=True)
class Hidden:
    """One import of the engine by a check, in another dress each."""

    line: str
    module: str = "provision.engine.run"


@pytest.mark.parametrize(
    "hidden",
    [
        Hidden("import provision.engine.run"),
        Hidden("import provision.engine.run as nothing"),
        Hidden("import json, provision.engine.run"),
        Hidden("from provision.engine.run import Run"),
        Hidden("from provision.engine import run as words"),
        Hidden("from provision.engine import run, stages"),
        Hidden("from provision.engine import *", "provision.engine"),
        Hidden("from provision.engine.run import (\n    Run,\n)"),
        Hidden("from ..engine.run import Run"),
        Hidden("from ..engine import run"),
        Hidden("from .. import engine", "provision.engine"),
        Hidden("def later():\n    from provision.engine.run import Run"),
        Hidden("async def later():\n    import provision.engine.run"),
        Hidden("class Later:\n    from provision.engine.run import Run"),
        Hidden("if TYPE_CHECKING:\n    from provision.engine.run import Run"),
        Hidden("if typing.TYPE_CHECKING:\n    pass\nelse:\n    from provision.engine.run import Run"),
        Hidden("try:\n    from provision.engine.run import Run\nexcept ImportError:\n    pass"),
        Hidden("later = lambda: importlib.import_module('provision.engine.run')"),
        Hidden("later = __import__('provision.engine.run')"),
    ],
    ids=lambda hidden: hidden.line,
)
def test_an_import_is_seen_however_it_is_written(hidden: Hidden) -> None:
    path = "provision/checks/peers.py"
    reported = [*violations(path, with_import(path, hidden.line))]
    assert any(f"imports {hidden.module}: `checks` may not import `engine`" in text for text in reported), reported


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("provision/engine/run.py", "from provision.stack.ray import Stack"),
        ("provision/core/plan.py", "from provision.render.recap import last_line"),
        ("provision/inventory/checks.py", "from provision.engine.run import Run"),
        ("provision/facts/read.py", "from provision.inventory.limit import select"),
        ("provision/checks/peers.py", "from provision.transport.reach import closed"),
    ],
)
def test_imports_that_once_went_unseen_are_reported(path: str, line: str) -> None:
    """Of a list of rooms and what each may not have, these were forgotten."""
    assert len([*violations(path, with_import(path, line))]) == 1


def test_files_that_import_each_other_round_about_are_reported() -> None:
    first, last = "provision/core/errors.py", "provision/core/playbook.py"
    line = f"from {module_of(last)} import Playbook"
    (circle, *_) = circles({**FILES, first: with_import(first, line)})
    assert {first, last} <= set(circle)
    for harmless in (f"def later():\n    {line}", f"if TYPE_CHECKING:\n    {line}"):
        assert circles({**FILES, first: with_import(first, harmless)}) == []


def test_a_room_without_a_row_is_reported() -> None:
    for path, room in (("provision/cellar/jam.py", "cellar"), ("provision/jam.py", "jam")):
        assert rooms([*FILES, path]) - {*LAYERS} == {room}
        with pytest.raises(KeyError, match=room):
            [*violations(path, "import json")]


def test_a_module_is_of_the_innermost_room() -> None:
    assert room_of("provision.engine.run") == "engine"
    assert room_of("provision.checks.gpu.xid") == "checks/gpu"
    assert room_of("provision.checks.peers") == "checks"
    assert room_of("provision.api") == "api"
    assert room_of("provision") == "provision"


BEGIN, END = "<!-- layers: made from tests/unit/house/layers.py -->\n", "<!-- end of layers -->\n"


def test_the_document_has_the_table() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert text.partition(BEGIN)[2].partition(END)[0] == table(), "run tests/unit/house/layers.py"
