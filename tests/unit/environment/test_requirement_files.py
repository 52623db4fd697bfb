"""Files of requirements: what they ask for, what they only rule, and what they promise of the files."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
from package_index import Index

from provision.core.errors import LockError
from provision.environment.lock_inputs import inputs_of
from provision.environment.lockfile import make_lock
from provision.environment.main_packages import main_packages
from provision.environment.missing_hashes import only_promised
from provision.environment.requirement_files import expanded, lines_for_uv, promised
from provision.inventory.models import Python


@pytest.fixture
def index(tmp_path: Path) -> Index:
    index = Index(tmp_path / "index")
    for name, version in (("tiny", "1.0"), ("tiny", "2.0"), ("small", "1.5")):
        index.add(name, version)
    return index


@pytest.fixture
def python(index: Index) -> Python:
    return Python(version="3.11", packages=("requirements.txt",), index=index.url)


def digest(index: Index, file: str) -> str:
    return hashlib.sha256(next(index.folder.rglob(file)).read_bytes()).hexdigest()


def test_no_file_is_locked_but_one_that_the_list_names(index: Index, python: Python, tmp_path: Path) -> None:
    asked = tmp_path / "requirements.txt"
    asked.write_text(f"tiny==1.0 \\\n    --hash=sha256:{digest(index, 'tiny-1.0-*')}  # theirs\nsmall\n")
    lock = make_lock(python, tmp_path / "a.lock")
    assert lock.packages == {"small": "1.5", "tiny": "1.0"}
    asked.write_text(f"tiny==1.0 --hash=sha256:{'0' * 64} --hash sha256:{'1' * 64}\n")
    for path in (tmp_path / "a.lock", tmp_path / "b.lock"):
        with pytest.raises(LockError, match=r"`tiny` 1\.0 were tampered or replaced") as caught:
            make_lock(python, path)
        assert "0" * 64 in str(caught.value.evidence)
    assert not (tmp_path / "b.lock").exists()
    assert promised(["requirements.txt"], tmp_path) == {
        ("tiny", "1.0"): frozenset({f"sha256:{'0' * 64}", f"sha256:{'1' * 64}"})
    }


def test_of_several_files_of_a_version_the_promised_ones_are_left() -> None:
    one, two = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
    body = f"a==1 \\\n    --hash={one} \\\n    --hash={two}\n    # via b\nb[c]==1 \\\n    --hash={one}\n"
    kept = only_promised(body, {("a", "1"): frozenset({two}), ("b", "2"): frozenset({two})})
    assert kept == f"a==1 \\\n    --hash={two}\n    # via b\nb[c]==1 \\\n    --hash={one}\n"
    with pytest.raises(LockError):
        only_promised(body, {("b", "1"): frozenset({two})})
    assert only_promised(body, {("b", "1"): frozenset({two})}, but=["b==1 --hash=sha256:00"]) == body


def test_constraints_that_the_list_names_ask_for_nothing(python: Python, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("-c versions.txt\n-r more.txt\n")
    (tmp_path / "more.txt").write_text("tiny\n")
    (tmp_path / "versions.txt").write_text("tiny<2\nsmall<9\n")
    assert make_lock(python, tmp_path / "a.lock").packages == {"tiny": "1.0"}
    assert main_packages(make_lock(python, tmp_path / "a.lock"), python) == ["tiny"]
    before = inputs_of(python, tmp_path)
    (tmp_path / "versions.txt").write_text("tiny<3\n")
    assert inputs_of(python, tmp_path)["packages"] != before["packages"]
    assert make_lock(python, tmp_path / "b.lock").packages == {"tiny": "2.0"}


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("--index-url https://pypi.example.org/simple", "`python.index`"),
        ("--extra-index-url=https://pypi.example.org/simple", "`python.extra_indexes`"),
        ("-f wheels", "`python.find_links`"),
        ("--pre", "`python.prereleases: allow`"),
        ("--no-binary :all:", "`python.build: controller`"),
        ("-e .", "--no-emit-project"),
        ("--unheard-of", "delete the line"),
    ],
)
def test_an_option_of_pips_is_named_with_the_setting_that_counts(tmp_path: Path, line: str, hint: str) -> None:
    (tmp_path / "requirements.txt").write_text(f"# ours\n{line}\ntiny\n")
    with pytest.raises(LockError, match=r"requirements\.txt:2: ") as caught:
        expanded(["requirements.txt"], tmp_path)
    assert hint in caught.value.hint
    (tmp_path / "requirements.txt").write_text("--require-hashes\n--only-binary :all:\ntiny\n")
    assert expanded(["requirements.txt"], tmp_path) == ["tiny"]


def test_a_path_is_relative_to_the_file_it_is_in_and_the_lock_to_no_machine(index: Index, tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        folder = tmp_path / name
        (folder / "lists").mkdir(parents=True)
        wheel = folder / "lists/tiny-1.0-py3-none-any.whl"
        shutil.copy(next(index.folder.rglob("tiny-1.0-*")), wheel)
        (folder / "lists/mine.txt").write_text(f"tiny @ ./{wheel.name}\n")
        python = Python(version="3.11", packages=("lists/mine.txt",), index=index.url)
        assert lines_for_uv(python.packages, folder) == [f"tiny @ {wheel.as_uri()}"]
        assert lines_for_uv([f"tiny @ lists/{wheel.name} ; python_version > '3'"], folder) == [
            f"tiny @ {wheel.as_uri()} ; python_version > '3'"
        ]
        made.append(make_lock(python, folder / "a.lock"))
    assert made[0].packages == {"tiny": "1.0"} and made[0].text == made[1].text
    wheel.unlink()
    with pytest.raises(LockError) as caught:
        make_lock(python, tmp_path / "two/b.lock")
    assert "relative to" in caught.value.hint


@pytest.mark.parametrize(
    "line", ["tiny==1", "tiny==v1.0", "tiny (==1.0)", "Tiny==1.0,<2", "tiny==1.0 ; os_name=='posix'"]
)
@pytest.mark.parametrize("setting", ["packages", "constraints"])
def test_a_hash_counts_however_its_version_is_written(python: Python, tmp_path: Path, line: str, setting: str) -> None:
    (tmp_path / "requirements.txt").write_text(f"{line} --hash=sha256:{'0' * 64}\n")
    asked = {"packages": ("tiny",), setting: ("requirements.txt",)}
    with pytest.raises(LockError, match=r"`tiny` 1\.0 were tampered or replaced"):
        make_lock(python.model_copy(update=asked), tmp_path / "a.lock")


def test_a_file_by_its_address_is_the_one_of_its_hash(index: Index, python: Python, tmp_path: Path) -> None:
    wheel = next(index.folder.rglob("tiny-1.0-*"))
    place = wheel.relative_to(tmp_path)
    asked = tmp_path / "requirements.txt"
    for where in (wheel.as_uri(), f"./{place}"):
        asked.write_text(f"tiny @ {where} --hash=sha256:{'0' * 64}\n")
        with pytest.raises(LockError):
            make_lock(python, tmp_path / "a.lock")
        assert not (tmp_path / "a.lock").exists()
        asked.write_text(f"tiny @ {where} --hash=sha256:{digest(index, 'tiny-1.0-*')}\n")
        assert make_lock(python, tmp_path / "b.lock").packages == {"tiny": "1.0"}
    asked.write_text(f"tiny @ https://example.org/tiny-1.0.tar.gz#subdirectory=a --hash=sha256:{'0' * 64}\n")
    (line,) = lines_for_uv(["requirements.txt"], tmp_path)
    assert line.endswith(f"#subdirectory=a&sha256={'0' * 64}")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"tiny>=1 --hash=sha256:{'0' * 64}", "has a hash and no version"),
        (f"tiny==1.* --hash=sha256:{'0' * 64}", "has a hash and no version"),
        (f"tiny==1.0 --hash=sha512:{'0' * 128}", "is no sha256"),
        ("tiny==1.0 --hash=sha256:00", "is no sha256"),
        (f"tiny @ git+https://example.org/tiny --hash=sha256:{'0' * 64}", "expected one, and that only of a file"),
        ("-r https://example.org/more.txt", "is an address"),
    ],
)
def test_what_would_count_for_nothing_is_refused(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "requirements.txt").write_text(f"\n{line}\n")
    with pytest.raises(LockError, match=rf"requirements\.txt:2: .*{said}") as caught:
        expanded(["requirements.txt"], tmp_path)
    assert caught.value.hint


def test_a_list_of_nothing_is_named_and_no_lock_is_made(python: Python, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("# tiny\n")
    with pytest.raises(LockError, match=r"`requirements\.txt`: no package is named there"):
        make_lock(python, tmp_path / "a.lock")


def test_a_list_for_a_compiler_of_requirements_is_a_file_too(tmp_path: Path) -> None:
    (tmp_path / "requirements.in").write_text("tiny\n")
    assert expanded(("requirements.in",), tmp_path) == ["tiny"]
