"""A model's folder that is not below `root`: hosts may share it, a person may have copied it, another may be served by
now. Hosts are folders of the test, each with a `root` of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from provision.core.resource import State
from provision.core.script import Fragment, assignments
from provision.core.secret import Secret
from provision.payload.weights import seal
from provision.resources.weights import Weights
from provision.weights.local import Held, look, read

FILES = {"config.json", "m.safetensors"}


@dataclass(frozen=True)
class Host:
    """One that brings the controller's model `here` to `folder`."""

    weights: Weights

    def see(self) -> State:
        probe = self.weights.probe()
        return self.weights.read(Fragment(0, _sh(assignments(probe.vars, Secret.reveal) + probe.body), ""))

    def bring(self) -> None:
        """As an upload and its program do."""
        fix = self.weights.fix(None, self.weights.want())
        for upload in fix.uploads:
            Path(upload.into).mkdir(parents=True, exist_ok=True)
            shutil.copy2(upload.source, upload.into)
        spec: Mapping[str, str] = {k.upper(): str(v) for k, v in fix.vars.items()}
        records = seal.Records(spec)
        with records.alone():
            seal.seal(spec, records)

    def remove(self) -> str:
        fix = self.weights.fix(self.see(), None)
        return _sh(assignments(fix.vars, Secret.reveal) + fix.body)


def _sh(text: str) -> str:
    return subprocess.run(["sh"], input=text, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Held:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_bytes(b"{}")
    (folder / "m.safetensors").write_bytes(os.urandom(1000))
    return read(look(folder), lambda *_: None)


def host(tmp_path: Path, here: Held, name: str, folder: str = "model-there", cluster: str = "c") -> Host:
    root = tmp_path / f"root-{name}"
    return Host(Weights("controller", str(tmp_path / folder), str(root), cluster, name, "python3", here=here))


def shown(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")} if folder.exists() else set()


@pytest.mark.parametrize("cluster", ["c", "d"])
def test_a_folder_that_others_use_too_goes_with_the_last_of_them(tmp_path: Path, here: Held, cluster: str) -> None:
    one, two = host(tmp_path, here, "a"), host(tmp_path, here, "b", cluster=cluster)
    one.bring()
    two.bring()
    folder = Path(one.weights.folder)
    assert f"left to {cluster}@b, who use it too" in one.remove()
    assert shown(folder) == FILES and (two.see() or {}).get("sound") == "yes"
    assert one.weights.diff(one.see(), None) == (), "a second `down --purge` has nothing to do there"
    assert "left" not in two.remove()
    assert not folder.exists()


def test_a_copy_of_a_folder_of_ours_is_its_makers(tmp_path: Path, here: Held) -> None:
    one, other = host(tmp_path, here, "a"), host(tmp_path, here, "b", "copied")
    one.bring()
    shutil.copytree(one.weights.folder, other.weights.folder)
    assert other.weights.diff(other.see(), None) == ()
    assert not [key for key in other.see() or {} if key.startswith("wrote:")]
    other.bring()
    assert "left, since it is not as provision wrote it" in other.remove()
    assert shown(Path(other.weights.folder)) == FILES == shown(Path(one.weights.folder))


def test_nothing_is_removed_through_a_link_in_the_place_of_its_users(tmp_path: Path, here: Held) -> None:
    one = host(tmp_path, here, "one")
    one.bring()
    users = Path(one.weights.folder, seal.USES)
    (mark,) = users.iterdir()
    elsewhere = tmp_path / "elsewhere"
    users.rename(elsewhere)
    users.symlink_to(elsewhere)
    one.remove()
    assert (elsewhere / mark.name).exists()


def test_names_of_users_that_somebody_has_made_up_stay_one_line(tmp_path: Path, here: Held) -> None:
    one = host(tmp_path, here, "one")
    one.bring()
    users = Path(one.weights.folder, seal.USES)
    for name in ("*", "-rf", "a\n::note all is well", r"b\n::note c"):
        (users / name).touch()
    said = one.remove()
    assert said.startswith("::note left to * -rf a ::note all is well ") and said.count("\n") == 1
    assert "config.json" in shown(Path(one.weights.folder))


def test_what_was_served_before_goes_too(tmp_path: Path, here: Held) -> None:
    before, now = host(tmp_path, here, "a", "before"), host(tmp_path, here, "a", "now")
    before.bring()
    now.bring()
    (mine := Path(before.weights.folder, "notes")).write_text("of somebody's")
    assert f"left, since it is not as provision wrote it: {mine}" in now.remove()
    assert shown(mine.parent) == {"notes"} and not Path(now.weights.folder).exists()


def test_a_file_that_the_model_has_got_since_is_sent(tmp_path: Path, here: Held) -> None:
    before = host(tmp_path, here, "a")
    before.bring()
    (here.folder / "more.safetensors").write_bytes(b"one more shard")
    now = replace(before.weights, here=read(look(here.folder), lambda *_: None))
    fix = now.fix(Host(now).see(), now.want())
    assert [upload.source.name for upload in fix.uploads] == ["more.safetensors"]
