"""`plan` works out the lock that `up` would make, and writes none."""

from __future__ import annotations

from pathlib import Path

import pytest
from package_index import Index

from provision.environment.lock_of_command import lock_for
from provision.environment.lockfile import UNLOCKED, Lock, make_lock
from provision.inventory.models import Python


@pytest.fixture
def python(tmp_path: Path) -> Python:
    index = Index(tmp_path / "index")
    for version in ("1.0", "2.0"):
        index.add("tiny", version)
    return Python(version="3.11", packages=("tiny==1.0",), index=index.url)


def looked(python: Python, path: Path) -> tuple[Lock, list[str]]:
    said: list[str] = []
    return lock_for(python, path, base=path.parent, make=False, say=said.append, resolve=True), said


def test_one_that_is_missing_is_known_and_not_written(python: Python, tmp_path: Path) -> None:
    lock, said = looked(python, tmp_path / "a.lock")
    assert (lock.packages, lock.stale) == ({"tiny": "1.0"}, "absent")
    assert said == ["there is no lock at `a.lock`: `provision up` makes it, as this plan has it"]
    assert not (tmp_path / "a.lock").exists()


def test_one_that_no_longer_fits_is_the_one_that_up_would_make(python: Python, tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    before = make_lock(python, path).text
    newer = python.model_copy(update={"packages": ("tiny==2.0",)})
    lock, _ = looked(newer, path)
    assert lock.packages == {"tiny": "2.0"} and "made from other settings (python.packages)" in lock.stale
    assert path.read_text() == before
    assert lock.digest == make_lock(newer, path).digest


def test_one_that_fits_is_read_and_nothing_is_said(python: Python, tmp_path: Path) -> None:
    made = make_lock(python, tmp_path / "a.lock")
    assert looked(python, tmp_path / "a.lock") == (made, [])


def test_where_it_cannot_be_worked_out_that_is_said_and_the_rest_is_planned(python: Python, tmp_path: Path) -> None:
    lock, said = looked(python.model_copy(update={"packages": ("nowhere==9",)}), tmp_path / "a.lock")
    assert lock.digest == UNLOCKED
    assert "what it would hold is not known: uv found no set of packages that fits" in said[0]
