"""What a probe saw in a model's folder, and what of that is in the way; whatever a host prints, nothing breaks."""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.core.finding import Severity
from provision.core.script import Fragment, assignments
from provision.core.secret import Secret
from provision.resources.weights import Weights
from provision.weights.local import SAMPLE, Held, look, read

CONFIG = b"{}"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Held:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_bytes(CONFIG)
    (folder / "m.safetensors").write_bytes(os.urandom(2 * SAMPLE + 5))
    return read(look(folder), lambda *_: None)


def weights(here: Held | None, source: str = "controller") -> Weights:
    return Weights(source, "/data/tiny", "/r", "c", "host-1", "/usr/bin/python3", here=here)


def said(made: Weights, *lines: str) -> list[str]:
    found = made.blockers(made.read(Fragment(0, "".join(f"{line}\n" for line in lines), "")))
    assert all(f.severity is Severity.BLOCKS and f.hint and f.host == "host-1" for f in found)
    return [line for finding in found for line in finding.evidence]


def test_only_what_is_of_others_and_differs_is_in_the_way(here: Held) -> None:
    made, sha256, sample = weights(here), here.files["config.json"].sha256, here.sample("config.json")
    there = "is 2 1.0 config.json"
    assert said(made) == said(made, "folder=yes") == []
    assert said(made, there, f"sample {sample} config.json") == []
    assert said(made, there, f"sample {'0' * 64} config.json") == ["config.json: other content"]
    assert said(made, "is 3 1.0 config.json") == ["config.json: 3 bytes, the model's has 2"]
    assert said(made, "is 3 1.0 config.json", f"wrote {sha256} 2 0.5 config.json") == [], (
        "ours, changed: it is repaired"
    )
    assert said(made, "is 1 1.0 a b.txt") == ["a b.txt: no part of the model"]
    assert said(made, "is 1 1.0 a b.txt", f"wrote {sha256} 1 1.0 a b.txt") == [], "ours, of another version"
    assert said(made, "is 1 2.0 a b.txt", f"wrote {sha256} 1 1.0 a b.txt") == ["a b.txt: no part of the model"]
    was = f"was {'0' * 64} 2 1.0 config.json"
    assert said(made, "sound=yes", was) == ["config.json: other content"]
    assert said(made, "sound=yes", was, f"wrote {'0' * 64} 2 1.0 config.json") == []
    assert said(made, "odd 1_Pooling") == ["1_Pooling"]
    assert said(weights(None, "hosts"), "odd 1_Pooling", "is 1 1.0 x") == []


def test_records_that_the_user_cannot_write_are_in_the_way_of_what_is_sent(here: Held) -> None:
    made = replace(weights(here), owner="ops")
    (finding,) = made.blockers({"closed": "root", "folder": "yes"})
    assert "/r/models belongs to root" in finding.message and "`sudo chown -Rh ops /r/models`" in finding.hint
    assert made.blockers({**made.want(), "closed": "root"}) == (), "there is nothing to write"  # type: ignore[dict-item]
    assert weights(None, "hub").blockers({"closed": "root", "folder": "yes"}) == (), "the download hands it over"


def test_a_sample_is_of_both_ends(here: Held) -> None:
    shard, before = here.folder / "m.safetensors", here.sample("m.safetensors")
    content = bytearray(shard.read_bytes())
    for at, differs in ((0, True), (SAMPLE - 1, True), (SAMPLE + 2, False), (len(content) - 1, True)):
        content[at] ^= 1
        shard.write_bytes(content)
        assert (here.sample("m.safetensors") != before) is differs
        content[at] ^= 1
    assert here.sample("config.json") and replace(here, files={}) is not here


def test_what_is_sent_goes_to_the_inbox_with_the_owners_rights(here: Held) -> None:
    made = replace(weights(here), owner="ops")
    uploads = made.fix(None, made.want()).uploads
    assert {(u.into, u.user, u.made) for u in uploads} == {
        ("/data/tiny/.provision-incoming/host-1", "ops", "/data/tiny")
    }
    ours = replace(made, folder="/r/models/tiny")
    assert {u.made for u in ours.fix(None, made.want()).uploads} == {"/r/models"}


def test_what_lies_there_equal_or_came_whole_is_not_sent_again(here: Held) -> None:
    made = weights(here)
    size, mtime, _ = here.files["m.safetensors"]
    have = {"folder": "yes", "is:config.json": "2 1.0", "in:m.safetensors": f"{size} {mtime}"}
    assert made.fix(have, made.want()).uploads == ()
    have["wrote:config.json"] = f"2 0.5 {'0' * 64}"
    assert [upload.source.name for upload in made.fix(have, made.want()).uploads] == ["config.json"]


KINDS = st.sampled_from(["is", "in", "was", "wrote", "sample", "odd", "fault", "bytes=", "begun=", "files=", "closed="])
LINES = st.lists(st.tuples(KINDS, st.text()).map(" ".join) | st.tuples(KINDS, st.text()).map("".join) | st.text())


@given(LINES)
def test_a_host_may_print_anything(lines: list[str]) -> None:
    made = weights(Held(Path("/nowhere")))
    have = made.read(Fragment(0, "\n".join(lines), ""))
    made.blockers(have)
    made.known(have)
    made.diff(have, made.want())
    made.diff(have, None)
    made.fix(have, made.want())


@pytest.mark.parametrize("source", ["hosts", "controller"])
def test_a_model_that_the_services_user_may_not_read_blocks_with_its_owner(source: str, here: Held) -> None:
    made = replace(weights(here, source), owner="provision")
    (found,) = made.blockers(made.read(Fragment(0, "folder=yes\nunreadable=ops, mode 700|/data/tiny\n", "")))
    assert found.message == "/data/tiny belongs to ops, mode 700, and provision may not read it"
    assert found.hint == "run `sudo chmod -R o+rX /data/tiny` on host-1, move the model, or set `run_as: ops`"
    (found,) = made.blockers(made.read(Fragment(0, "unreadable=root, mode 700|/data\n", "")))
    assert found.message == "provision cannot read the model in /data/tiny: /data belongs to root, mode 700"
    assert found.hint == "run `sudo chmod o+x /data` on host-1, or move the model"


@pytest.mark.needs("root")
@pytest.mark.parametrize("source", ["hosts", "controller"])
@pytest.mark.parametrize("shut", ["model", "above", "above, by a link", "a file", "nothing"])
def test_the_probe_tells_of_a_model_that_the_user_cannot_get_at_instead_of_failing(shut: str, source: str) -> None:
    with tempfile.TemporaryDirectory(prefix="provision-test-") as place:
        Path(place).chmod(0o755)
        (above := Path(place, "a bove")).mkdir(mode=0o755)
        (model := above / "model").mkdir(mode=0o755)
        (file := model / "config.json").write_text("{}")
        (link := Path(place, "link")).symlink_to(above)
        closed = {"model": model, "a file": file}.get(shut, above)
        if shut != "nothing":
            os.chown(closed, 65534, -1)
            closed.chmod(0o600 if shut == "a file" else 0o700)
        folder = str(link / "model" if shut == "above, by a link" else model)
        made = Weights(source, folder, place, "c", "host-1", "/usr/bin/python3", owner="daemon")
        probe = made.probe()
        text = assignments(probe.vars, Secret.reveal) + probe.body
        done = subprocess.run(["sh"], input=text, capture_output=True, text=True, check=True)
        said = [line for line in done.stdout.splitlines() if line.startswith("unreadable=")]
        found = [one for one in made.blockers(made.read(Fragment(0, done.stdout, ""))) if "belongs to" in one.message]
        # What provision brings it makes readable itself.
        if shut == "nothing" or (shut == "a file" and source == "controller"):
            assert said == found == []
        else:
            assert said == [f"unreadable=nobody, mode {closed.stat().st_mode & 0o777:o}|{closed}"]
            assert len(found) == 1
