"""The folder of a cluster on a host, by the shells of hosts: it goes once it is empty, with those above it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from provision.core.resource import State
from provision.core.script import Script
from provision.resources.own_folder import OwnFolder


def run(script: Script, sh: str, code: int = 0) -> str:
    variables = {name: str(value) for name, value in script.vars.items()}
    environment = {"PATH": os.environ["PATH"], **variables}
    done = subprocess.run([sh, "-c", script.body], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


@pytest.fixture(params=["dash", "bash"])
def sh(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (made := tmp_path / "root" / "clusters" / "llama" / "gpu-01").mkdir(parents=True)
    return made


THERE: State = {"folder": "there"}


def test_an_empty_one_goes_with_what_was_made_for_it_alone(folder: Path, sh: str, tmp_path: Path) -> None:
    own = OwnFolder(str(folder))
    assert run(own.probe(), sh) == "folder=there\n" and own.diff(THERE, own.want())
    run(own.fix(THERE, None), sh)
    assert [*tmp_path.iterdir()] == [tmp_path / "root"] and [*(tmp_path / "root").iterdir()] == []
    assert run(own.probe(), sh) == ""
    run(own.fix(None, None), sh)


def test_what_is_in_it_stays_and_what_is_beside_it(folder: Path, sh: str) -> None:
    """Of another host in a folder that they share, or of what could not be removed, of which that is told."""
    (other := folder.with_name("gpu-02")).mkdir()
    (beside := folder.parents[2] / "envs").mkdir()
    own = OwnFolder(str(folder))
    (kept := folder / "image").mkdir()
    assert run(own.fix(THERE, None), sh) == "::kept it stays, since this is in it: image\n"
    assert kept.is_dir()
    kept.rmdir()
    run(own.fix(THERE, None), sh)
    assert not folder.exists() and other.is_dir()
    other.rmdir()
    folder.mkdir()
    run(own.fix(THERE, None), sh)
    assert not folder.parents[1].exists() and beside.is_dir()


def test_none_is_touched_that_others_could_change_and_no_link_is_followed(folder: Path, sh: str) -> None:
    (link := folder.with_name("gpu-02")).symlink_to(folder)
    own = OwnFolder(str(link))
    assert run(own.probe(), sh) == ""
    run(own.fix(THERE, None), sh)
    folder.chmod(0o777)
    own = OwnFolder(str(folder))
    assert run(own.probe(), sh) == ""
    assert "can be written to by every user" in run(own.fix(THERE, None), sh, code=1)
    assert folder.is_dir() and link.is_symlink()
