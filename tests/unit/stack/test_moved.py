"""A person's own playbook that imports something from where it was is told where it is."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
from cluster_samples import cluster

import provision
from provision.core.errors import PlaybookError
from provision.engine.playbook_loader import PlaybookFile, built_in
from provision.stack.backends import DEFAULT
from provision.stack.moved import MOVED

BOOK = "\n\ndef playbook(cluster):\n    from provision.core.playbook import Playbook\n    return Playbook()\n"


def loaded(path: Path, text: str) -> PlaybookFile:
    path.write_text(text)
    return PlaybookFile(path, built_in(DEFAULT), MOVED)


def refused(path: Path, text: str) -> PlaybookError:
    with pytest.raises(PlaybookError) as caught:
        loaded(path, text).load()(cluster())
    return caught.value


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mine.py"


@pytest.mark.parametrize(
    ("line", "old", "now"),
    [
        ("from {} import Resource", "resource", "from provision import Resource"),
        ("from provision import events", "events", "from provision.core import events"),
        ("import {}", "script", "import provision.core.script"),
        ("from {} import judge", "judge", "from provision import judge"),
        ("from {} import judge as every", "judge", "from provision import judge as every"),
        ("from provision.judge import cells", "judge.cells", "from provision.checks import cells"),
        ("from {} import of_xids", "judge.xid", "from provision.checks.gpu.xid import of_xids"),
        ("from {} import Cluster", "cluster", "from provision import Cluster"),
        ("from {} import folder_of", "weights", "from provision.weights.source import folder_of"),
        ("from {} import network_proof", "proofs.network", "from provision.proofs.network.proof import network_proof"),
        ("from provision.parallel.size import Sizing", "parallel.size.Sizing", "from provision import Sizing"),
        ("from provision.runner import Job", "runner.Job", "from provision.engine.state import Job"),
        ("from {} import NoSuchError", "errors", "from provision.core.errors import NoSuchError"),
        ("from {} import (\n    Stack,\n)", "resources.stack", "from provision import Stack"),
    ],
)
def test_an_old_import_names_the_new_one(file: Path, line: str, old: str, now: str) -> None:
    error = refused(file, f"import json\n{line.format(f'provision.{old}')}\n{BOOK}")
    assert error.message == f"{file}:2: `provision.{old}` has moved"
    assert error.hint == f"write `{now}`"
    assert not error.evidence


def test_all_old_imports_of_a_file_are_named_at_once(file: Path) -> None:
    lines = ("playbook import Playbook", "cluster import gather", "errors import HostError")
    text = "\n".join(f"from provision.{line}" for line in lines)
    error = refused(file, f"{text}\n{BOOK}")
    assert error.message == f"{file}:1: `provision.playbook` has moved"
    assert error.evidence == ("line 3: `provision.errors` has moved: `from provision import HostError`",)


def test_an_import_within_a_function_is_told_when_it_is_done(file: Path) -> None:
    error = refused(file, "def playbook(cluster):\n    from provision.playbook import Playbook\n")
    assert error.message == f"{file}:2: `provision.playbook` has moved"


def test_an_old_import_in_a_file_beside_the_playbook_is_told_there(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_old_resource.py").write_text("from provision.script import Script\n")
    error = refused(file, f"from my_old_resource import Script\n{BOOK}")
    assert error.message == f"{tmp_path / 'my_old_resource.py'}:1: `provision.script` has moved"


@pytest.mark.parametrize("line", ["import no_such_library", "from provision.core.errors import NoSuchError"])
def test_another_import_that_fails_is_told_as_it_is(file: Path, line: str) -> None:
    error = refused(file, f"from provision.cluster import gather\n{line}\n{BOOK}")
    assert error.message.startswith(f"{file}:2: ")
    assert "Error: " in error.message


@pytest.mark.parametrize("now", sorted(set(MOVED.values())))
def test_what_is_named_is_there(now: str) -> None:
    package, _, name = now.rpartition(".")
    try:
        import_module(now)
    except ModuleNotFoundError:
        assert hasattr(import_module(package), name)


@pytest.mark.parametrize("old", MOVED)
def test_what_has_moved_is_no_longer_where_it_was(old: str) -> None:
    """Else nobody would be told. A room may have the name of a module that was, and has nothing of it; and so may a
    public name."""
    if old.removeprefix("provision.") in provision.__all__:
        assert not is_there(old)
        return
    package, _, name = old.rpartition(".")
    assert not is_there(package) or not hasattr(import_module(package), name) or is_a_room(old)


def is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # nor is the package that it was in
        return False


def is_a_room(module: str) -> bool:
    found = import_module(module)
    return hasattr(found, "__path__") and not {"Cluster", "NetworkProof", "AllReduce", "folder_of"} & {*vars(found)}
