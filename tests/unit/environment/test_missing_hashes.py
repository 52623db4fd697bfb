"""Where an index names no sha256 of a file, the lock does, and the file is the one that hosts get."""

from __future__ import annotations

import hashlib
import re
import shutil
import zipfile
from pathlib import Path

import pytest
from locked_index import locked
from package_index import Index

from provision.core.errors import LockError
from provision.environment.lockfile import make_lock, read_lock
from provision.environment.missing_hashes import with_sha256
from provision.environment.wheels import fetch_wheels
from provision.inventory.models import Python


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")


@pytest.fixture
def index(tmp_path: Path) -> Index:
    index = Index(tmp_path / "index")
    index.add("tiny", "1.0")
    return index


def rewrite(index: Index, fragment: str) -> Path:
    page = index.folder / "simple/tiny/index.html"
    page.write_text(re.sub("#sha256=[0-9a-f]*", fragment, page.read_text()))
    return next(page.parent.glob("*.whl"))


@pytest.mark.parametrize("place", ["index", "find_links"])
@pytest.mark.parametrize("named", ["sha256", "md5", "nothing"])
def test_the_lock_has_the_sha256_of_every_file(index: Index, tmp_path: Path, place: str, named: str) -> None:
    content = next(index.folder.rglob("*.whl")).read_bytes()
    rewrite(index, "" if named == "nothing" else f"#{named}={hashlib.new(named, content).hexdigest()}")
    other = Index(tmp_path / "other")
    other.add("small", "1.0")
    with locked(index) as server:
        where = {"index": server.url()} if place == "index" else {"find_links": (server.url("simple/tiny/"),)}
        python = Python(version="3.11", packages=("tiny",), **{"index": other.url, **where})
        lock = make_lock(python, tmp_path / "a.lock")
        assert lock.hashes == {"tiny": (f"sha256:{hashlib.sha256(content).hexdigest()}",)}
        assert read_lock(tmp_path / "a.lock", python) == lock
        assert fetch_wheels(lock, python, tmp_path / "cache")["tiny"].read_bytes() == content
        assert server.seen == set()


def test_a_file_with_another_md5_than_its_page_says_is_refused(index: Index, tmp_path: Path) -> None:
    rewrite(index, f"#md5={'0' * 32}")
    with pytest.raises(LockError, match=r"no sha256 of tiny==1\.0") as caught:
        make_lock(Python(version="3.11", packages=("tiny",), index=index.url), tmp_path / "a.lock")
    assert not (tmp_path / "a.lock").exists() and caught.value.evidence


@pytest.mark.parametrize("named", ["another", "nothing"])
def test_the_original_in_a_folder_is_taken_where_the_index_serves_another_file(
    index: Index, tmp_path: Path, named: str
) -> None:
    python = Python(version="3.11", packages=("tiny",), index=index.url)
    lock = make_lock(python, tmp_path / "a.lock")
    wheel = next(index.folder.rglob("*.whl"))
    (tmp_path / "folder").mkdir()
    original = shutil.copy(wheel, tmp_path / "folder")
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("evil.py", "")
    rewrite(index, "" if named == "nothing" else f"#sha256={hashlib.sha256(wheel.read_bytes()).hexdigest()}")
    with pytest.raises(LockError, match="tampered or replaced") as caught:
        fetch_wheels(lock, python, tmp_path / "cache")
    assert "`python.find_links`" in caught.value.hint
    again = python.model_copy(update={"find_links": ("folder",)})
    lock = make_lock(again, tmp_path / "a.lock")
    assert fetch_wheels(lock, again, tmp_path / "cache")["tiny"].read_bytes() == Path(original).read_bytes()


def test_what_has_one_is_left_alone(tmp_path: Path) -> None:
    body = "tiny==1.0 \\\n    --hash=md5:00 \\\n    --hash=sha256:00\n    # via python.packages\n"
    assert with_sha256(body, Python(index="http://127.0.0.1:1"), tmp_path) == body
