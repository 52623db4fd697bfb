import os
import py_compile
import sys
from pathlib import Path

import bytecode
import pytest
from cluster_samples import cluster

from provision.core.errors import InventoryError, PlaybookError
from provision.engine.playbook_loader import PlaybookFile, built_in
from provision.inventory.models import Serve
from provision.stack.backends import DEFAULT

LIKE = built_in(DEFAULT)

EMPTY = "from provision.core.playbook import Playbook\n\n\ndef playbook(cluster):\n    return Playbook()\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mine.py"


def test_a_file_that_is_not_there_names_the_one_to_copy(file: Path) -> None:
    with pytest.raises(PlaybookError, match="no such playbook file") as caught:
        PlaybookFile(file, LIKE).load()
    assert str(built_in(DEFAULT)) in caught.value.hint


def test_a_file_that_is_no_python_says_so(tmp_path: Path) -> None:
    book = tmp_path / "book.yaml"
    book.write_text("hosts: all\n")
    with pytest.raises(PlaybookError, match=r"a playbook is a Python file"):
        PlaybookFile(book, LIKE).load()


def test_a_syntax_error_is_told_once_with_its_line(file: Path) -> None:
    file.write_text("x = 1\ndef playbook(cluster:\n")
    with pytest.raises(PlaybookError) as caught:
        PlaybookFile(file, LIKE).load()
    assert caught.value.message.startswith(f"{file}:2: SyntaxError: ")
    assert caught.value.message.count("line 2") == 0


def test_a_changed_file_is_read_again(file: Path) -> None:
    file.write_text(EMPTY)
    assert PlaybookFile(file, LIKE).load()(cluster()).steps == []
    file.write_text(EMPTY.replace("return Playbook()", "return Playbook(outcome=['changed since'])"))
    assert PlaybookFile(file, LIKE).load()(cluster()).outcome == ["changed since"]


def test_nothing_is_left_beside_a_playbook_or_what_it_imports(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bytecode.kept(monkeypatch)
    monkeypatch.syspath_prepend(file.parent)
    for name in ("beside_at_once", "beside_later"):
        file.with_name(f"{name}.py").write_text("HERE = True\n")
        monkeypatch.delitem(sys.modules, name, raising=False)
    file.write_text(f"import beside_at_once\n{EMPTY.replace('return', 'import beside_later; return')}")
    before = sorted(file.parent.rglob("*"))
    PlaybookFile(file, LIKE).load()(cluster())
    assert sorted(file.parent.rglob("*")) == before
    assert not sys.dont_write_bytecode


def test_a_compiled_copy_is_not_believed(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a file of the same length that was written within the same second, as editors and tests do."""
    bytecode.kept(monkeypatch)
    file.write_text(EMPTY.replace("Playbook()", "Playbook(outcome=['one'])"))
    py_compile.compile(str(file))
    then = file.stat().st_mtime
    file.write_text(file.read_text().replace("one", "two"))
    os.utime(file, (then, then))
    assert PlaybookFile(file, LIKE).load()(cluster()).outcome == ["two"]


def test_two_files_of_one_name_do_not_meet(tmp_path: Path) -> None:
    functions = []
    for word in ("one", "two"):
        path = tmp_path / word / "mine.py"
        path.parent.mkdir()
        path.write_text(EMPTY.replace("return Playbook()", f"return Playbook(outcome=['{word}'])"))
        functions.append(PlaybookFile(path, LIKE).load())
    assert [function(cluster()).outcome for function in functions] == [["one"], ["two"]]


def test_a_copy_of_the_built_in_one_asks_for_the_same(file: Path) -> None:
    file.write_text(built_in(DEFAULT).read_text())
    sample = cluster(serve=Serve(model="/models/tiny", tensor_parallel=2, pipeline_parallel=2))
    copied, original = PlaybookFile(file, LIKE).load()(sample), PlaybookFile(built_in(DEFAULT), LIKE).load()(sample)
    assert [step.key for step in copied.steps] == [step.key for step in original.steps]
    assert copied == original


def test_an_error_of_ours_passes_through_as_it_is(file: Path) -> None:
    text = (
        "from provision.core.errors import InventoryError\n\n\ndef playbook(cluster):\n    raise InventoryError([])\n"
    )
    file.write_text(text)
    with pytest.raises(InventoryError):
        PlaybookFile(file, LIKE).load()(cluster())


def test_an_error_that_did_not_pass_through_the_file_stays_what_it_is(file: Path) -> None:
    with pytest.raises(ZeroDivisionError), PlaybookFile(file, LIKE).mistakes():
        _ = 1 / 0


def test_a_playbook_that_ends_the_program_is_an_error_with_its_line(file: Path) -> None:
    file.write_text("import sys\n\n\ndef playbook(cluster):\n    sys.exit(0)\n\n\ndef later():\n    sys.exit(0)\n")
    book = PlaybookFile(file, LIKE)
    made = book.load()
    with pytest.raises(PlaybookError, match=f"{file}:5: SystemExit: 0"):
        made(cluster())
    with pytest.raises(PlaybookError, match=f"{file}:9: SystemExit: 0"), book.mistakes():
        ends(file)
    with pytest.raises(SystemExit), book.mistakes():
        sys.exit(1)


def ends(file: Path) -> None:
    """Calls `later` of the file, as an engine that runs its resources does."""
    space: dict = {}
    exec(compile(file.read_text(), str(file), "exec"), space)
    space["later"]()


@pytest.mark.parametrize(
    "text", [None, "import nothing_of_that_name\n", "def playbook(cluster):\n    1 / 0\n", "x = 1\n"]
)
def test_what_goes_does_without_one_that_is_broken(file: Path, text: str | None) -> None:
    if text is not None:
        file.write_text(text)
    said: list[str] = []
    assert PlaybookFile(file, like=LIKE).load(said.append)(cluster()).steps == []
    (line,) = said
    assert line.startswith(str(file)) and line.endswith("what runs is found by its mark")
