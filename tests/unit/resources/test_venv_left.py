"""What no environment needs, by the shells of hosts: of this cluster and host, and of none that is called alike."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from provision.core.batch import render
from provision.core.script import Script
from provision.environment.lockfile import parse_lock
from provision.inventory.models import Python
from provision.resources.venv import Venv
from provision.resources.venv_left import leftovers

LOCK = f"# python: 3.11\n# platform: x86_64-manylinux_2_34\nsmall==1.0 --hash=sha256:{'ab' * 32}\n"


def test_nothing_is_removed_of_a_cluster_whose_name_ends_in_the_same_way(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "envs").mkdir(parents=True)
    others = {"0123456789ab-big-llama-gpu-01", "0123456789ab.big-llama.gpu-01"}
    for folder in ("uploads", "cache"):
        # With dashes, as older versions called it.
        for name in (*others, "0123456789ab-llama-gpu-01", "0123456789ab.llama.gpu-01"):
            (root / folder / name).mkdir(parents=True)
    run(leftovers(str(root), "llama", "gpu-01", remove=True), tmp_path)
    for folder in ("uploads", "cache"):
        assert {path.name for path in (root / folder).iterdir()} == others


def test_nothing_is_removed_of_two_names_that_only_together_read_alike(tmp_path: Path) -> None:
    """Cluster `a` on host `b-c`, cluster `a-b` on host `c`: on one root, which they share."""
    root = tmp_path / "root"
    (root / "envs").mkdir(parents=True)
    python = Python(version="3.11")
    venv = Venv(parse_lock(LOCK, tmp_path / "a.lock"), python, str(root), "a", "b-c", uv="/usr/bin/uv")
    theirs = replace(venv, cluster="a-b", host="c")
    places = [root / "uploads" / str(one.fix(None, one.want()).vars["tag"]) for one in (venv, theirs)]
    aside = [root / "envs" / f".was-{place.name}.0123456789ab" for place in places]
    for place in (*places, *aside):
        place.mkdir(parents=True)
    run(leftovers(str(root), "a-b", "c", remove=True), tmp_path)
    assert [place.is_dir() for place in places] == [True, False]
    places[1].mkdir()
    run(theirs.fix({"current": "0123456789ab"}, None), tmp_path)
    assert [place.is_dir() for place in (*places, *aside)] == [True, False, True, False]


@pytest.mark.parametrize("target", ["{envs}/0123456789ab", "./0123456789ab", "../envs/0123456789ab"])
def test_an_environment_that_a_link_names_in_another_way_is_in_use(tmp_path: Path, target: str) -> None:
    envs = tmp_path / "root/envs"
    for name in ("0123456789ab", "ba9876543210"):
        (envs / name).mkdir(parents=True)
        (envs / name / ".provision").write_text("digest\na\n")
    (envs / "current-a").symlink_to(target.format(envs=envs))
    run(leftovers(str(tmp_path / "root"), "a", "b", remove=True), tmp_path)
    assert [(envs / name).is_dir() for name in ("0123456789ab", "ba9876543210")] == [True, False]


def test_what_an_older_version_set_aside_is_removed_with_the_environment(tmp_path: Path) -> None:
    root = tmp_path / "root"
    names = [f".was-0123456789ab-{whose}-0123456789ab" for whose in ("a-b", "a-b-c", "big-a-b")]
    for name in names:
        (root / "envs" / name).mkdir(parents=True)
    lock = parse_lock(LOCK, tmp_path / "a.lock")
    venv = Venv(lock, Python(version="3.11"), str(root), "a", "b", uv="/usr/bin/uv")
    run(venv.fix({"current": "0123456789ab"}, None), tmp_path)
    assert [(root / "envs" / name).is_dir() for name in names] == [False, True, True]


def run(script: Script, home: Path) -> str:
    variables = {name: str(value) for name, value in script.vars.items()}
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), **variables}
    done = subprocess.run(["sh", "-c", script.body], env=environment, check=True, capture_output=True, text=True)
    return done.stdout


@pytest.mark.parametrize("every", [True, False])
def test_what_was_not_shown_is_not_removed(tmp_path: Path, every: bool) -> None:
    root = tmp_path / "a root"
    for name in ("0123456789ab", "0123456789a*", "ffffffffffff"):
        (root / "uploads" / f"{name}.llama.gpu-01").mkdir(parents=True)
    (root / "envs").mkdir()
    shown = [] if every else [f"{root}/uploads/{name}.llama.gpu-01" for name in ("0123456789a*", "ffffffffffff")]
    script = leftovers(str(root), "llama", "gpu-01", remove=True, shown=[*shown, f"{root}/envs"][: 3 * len(shown)])
    said = run(script, tmp_path)
    left = [path.name for path in root.glob("uploads/*")]
    assert left == ([] if every else ["0123456789ab.llama.gpu-01"])
    assert len(said.splitlines()) == (3 if every else 2)
    assert every or (root / "envs").is_dir()


def test_what_other_environments_share_is_not_counted_as_freed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    old, older, used = (root / "envs" / name for name in ("0123456789ab", "0123456789ac", "ffffffffffff"))
    for place in (old, older, used):
        place.mkdir(parents=True)
        (place / ".provision").write_text("digest\nllama\n")
    (root / "envs/current-llama").symlink_to(used.name)
    for name, places in {"all": (older, used), "both": (older,), "own": ()}.items():
        (old / name).write_bytes(bytes(1 << 20))
        for place in places:
            (place / name).hardlink_to(old / name)
    for shown, expected in (([], [("0123456789ab", 1), ("0123456789ac", 1)]), ([f"{root}/envs/{older.name}"], None)):
        script = leftovers(str(root), "llama", "gpu-01", remove=False, shown=shown)
        variables = {name: str(value) for name, value in script.vars.items()}
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **variables}
        done = subprocess.run(["sh", "-c", script.body], env=environment, check=True, capture_output=True, text=True)
        rows = [line.split("\t") for line in done.stdout.splitlines()]
        found = sorted((Path(path).name, int(kib) // 1000) for kib, path, _ in rows)
        # Alone, it frees next to nothing: its files are the other one's as well.
        assert found == (expected or [(older.name, 0)])


def test_below_the_folder_that_nobody_has_named_as_well(tmp_path: Path) -> None:
    """`root` is then `~/.provision`: nothing has been asked of the host, such as where that is."""
    broken = tmp_path / ".provision" / "envs" / "0123456789ab"
    broken.mkdir(parents=True)
    for name in ("pyvenv.cfg", "provision.lock"):
        (broken / name).touch()
    for folder in (tmp_path, *broken.parents):
        if tmp_path in (folder, *folder.parents):
            folder.chmod(0o700)
    for remove in (False, True):
        text = render([leftovers("~/.provision", "llama", "gpu-01", remove=remove)], "nonce", lambda secret: "")
        env = {**os.environ, "HOME": str(tmp_path)}
        done = subprocess.run(["sh", "-c", text], env=env, capture_output=True, text=True, check=False)
        assert f"\t{broken}\ta build that broke off" in done.stdout, done.stderr
    assert not broken.exists()
