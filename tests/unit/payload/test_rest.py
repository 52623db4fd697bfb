"""What no step has in the folder of a cluster on a host, by the shells of hosts: it is listed, and taken away."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from provision.core.script import Fragment, Script
from provision.resources.rest import Rest


def run(script: Script, sh: str, code: int = 0) -> Fragment:
    variables = {name: str(value) for name, value in script.vars.items()}
    environment = {"PATH": os.environ["PATH"], **variables}
    done = subprocess.run([sh, "-c", script.body], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return Fragment(done.returncode, done.stdout, done.stderr)


@pytest.fixture(params=["dash", "bash"])
def sh(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "root" / "clusters" / "llama" / "gpu-01"
    (made / "vllm").mkdir(parents=True)
    (made / "vllm" / "run").write_text("x")
    (made / "vllm-tls.pem").write_text("a private key")
    (made / "ray token").write_text("x")
    (outside := tmp_path / "outside").mkdir()
    (outside / "kept").write_text("x")
    (made / ".a link").symlink_to(outside)
    return made


def test_it_is_listed_and_taken_away_and_nothing_that_a_link_leads_to(folder: Path, sh: str, tmp_path: Path) -> None:
    rest = Rest(str(folder))
    have = rest.read(run(rest.probe(), sh))
    assert have is not None and set(have["left"].split(", ")) == {"vllm", "vllm-tls.pem", "ray token", ".a link"}
    assert rest.diff(have, rest.want())
    said = run(rest.fix(have, None), sh).stdout
    assert f"::note removed: {folder}/vllm-tls.pem" in said.splitlines()
    assert not (tmp_path / "root" / "clusters").exists() and (tmp_path / "root").exists()
    assert (tmp_path / "outside" / "kept").read_text() == "x"
    again = rest.read(run(rest.probe(), sh))
    assert again is None and rest.diff(again, None) == ()
    run(rest.fix(None, None), sh)


def test_what_a_step_has_there_is_left_to_it(folder: Path, sh: str) -> None:
    rest = Rest(str(folder), ("vllm", "ray token", ".a link"))
    assert rest.read(run(rest.probe(), sh)) == {"left": "vllm-tls.pem"}
    run(rest.fix({}, None), sh)
    assert {path.name for path in folder.iterdir()} == {"vllm", "ray token", ".a link"}


def test_nothing_is_believed_or_removed_where_others_could_have_put_it(folder: Path, sh: str) -> None:
    folder.chmod(0o777)
    rest = Rest(str(folder))
    assert rest.read(run(rest.probe(), sh)) is None
    assert "can be written to by every user" in run(rest.fix({}, None), sh, code=1).stderr
    assert (folder / "vllm-tls.pem").exists()


def test_a_link_in_its_place_is_not_followed(folder: Path, sh: str) -> None:
    (link := folder.with_name("gpu-02")).symlink_to(folder)
    rest = Rest(str(link))
    assert rest.read(run(rest.probe(), sh)) is None
    run(rest.fix({}, None), sh)
    assert (folder / "vllm-tls.pem").exists()
