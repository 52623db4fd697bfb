"""The model's folder on real hosts: sent, hashed, compared, mended, and taken away again."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from engine import Hosts, changes, differences, written

from provision.cluster.cluster import Cluster
from provision.core.playbook import Playbook
from provision.core.report import Report
from provision.core.resource import Resource
from provision.inventory.models import Host
from provision.proofs.weights import SameWeights
from provision.resources.text_file import TextFile
from provision.resources.weights import Weights
from provision.transport import upload
from provision.weights.local import look

pytestmark = pytest.mark.hosts


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model as training leaves it, on the controller."""
    folder = tmp_path / "trained"
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "1_Pooling" / "config.json").write_text('{"a": 1}')
    for shard in (1, 2):
        (folder / f"model-{shard} of 2.safetensors").write_bytes(os.urandom(300_000))
    (folder / "optimizer.pth").write_bytes(b"training only")
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("nobody's weights")
    return folder


class Racks:
    """Hosts, each with a root of its own, and the steps that a cluster would have for its weights."""

    def __init__(self, folder: Path, hosts: list[Host]) -> None:
        self.folder, self.hosts = folder, Hosts(hosts)
        self.source, self.path, self.deep = "hosts", Path(), False
        self.cluster = "here"

    def root(self, host: str) -> Path:
        return self.folder / host

    def at(self, host: str) -> Path:
        """The model's folder on `host`."""
        return self.root(host) / "models" / "acme--tiny"

    def weights(self, host: str, **other: object) -> Weights:
        made = Weights(
            source=self.source,
            folder=str(self.at(host) if self.source != "hosts" else self.path / host),
            root=str(self.root(host)),
            cluster=self.cluster,
            host=host,
            python="/usr/bin/python3",
            here=look(self.path) if self.source == "controller" else None,
            deep=self.deep,
        )
        return replace(made, **other)  # type: ignore[arg-type]

    def run(self, command: str, *more: Resource, **how: object) -> Report:
        """`more`: what stands on the weights of the head, as the model server does."""

        def book(cluster: Cluster) -> Playbook:
            made = Playbook()
            placed = {node.name: self.weights(node.name) for node in cluster.nodes}
            steps = [made.add(weights, on=host) for host, weights in placed.items()]
            standing = [made.add(resource, on="host-1", follows=steps) for resource in more]
            if standing:
                made.prove(SameWeights(placed), before=standing)
            return made

        return self.hosts.run(command, book, **how)  # type: ignore[arg-type]


@pytest.fixture
def make_racks(make_host: Callable[..., Host], tmp_path: Path) -> Callable[[int], Racks]:
    def make(count: int) -> Racks:
        hosts = [make_host() for _ in range(count)]
        folder = tmp_path / "racks"
        folder.mkdir()
        return Racks(folder, hosts)

    return make


@pytest.fixture
def sent(make_racks: Callable[[int], Racks], model: Path) -> Racks:
    """Two hosts with the model of the controller."""
    racks = make_racks(2)
    racks.source, racks.path = "controller", model
    report = racks.run("up")
    assert (report.exit_code, changes(report)) == (0, 2), report.errors
    return racks


def names(folder: Path) -> list[str]:
    """All but the ledger and what is on its way."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(str(path) for path in found if not str(path).startswith("."))


WANTED = ["1_Pooling/config.json", "config.json", "model-1 of 2.safetensors", "model-2 of 2.safetensors"]


def test_a_folder_of_the_controller_arrives_as_it_is_and_then_nothing_is_left_to_do(sent: Racks, model: Path) -> None:
    for host in ("host-1", "host-2"):
        assert names(sent.at(host)) == WANTED
        for name in WANTED:
            assert (sent.at(host) / name).read_bytes() == (model / name).read_bytes()
    before = (written(sent.folder), written(model))
    again = sent.run("up")
    assert (again.exit_code, changes(again), sent.run("check").findings) == (0, 0, ())
    assert (written(sent.folder), written(model)) == before, "a look wrote something"


def test_only_what_was_trained_anew_is_sent_again(sent: Racks, model: Path) -> None:
    """Of the same size, as shards of another checkpoint are."""
    shard = model / "model-2 of 2.safetensors"
    shard.write_bytes(os.urandom(300_000))
    kept = (sent.at("host-1") / "model-1 of 2.safetensors").stat().st_ino
    assert set(differences(sent.run("check"))) == {"an earlier version → as on the controller now"}
    assert sent.run("up").exit_code == 0
    assert (sent.at("host-1") / shard.name).read_bytes() == shard.read_bytes()
    assert (sent.at("host-1") / "model-1 of 2.safetensors").stat().st_ino == kept
    assert sent.run("check").findings == ()


def test_a_file_that_has_changed_on_a_host_is_named_and_brought_again(sent: Racks, model: Path) -> None:
    (sent.at("host-2") / "config.json").write_text("[]")
    assert differences(sent.run("check")) == ["changed: config.json → as transferred"]
    report = sent.run("up")
    assert [host.changes for host in report.hosts] == [(), ("weights",)], report.errors
    assert (sent.at("host-2") / "config.json").read_text() == "{}"


def test_a_flipped_bit_is_found_by_a_deep_check_and_mended_by_a_deep_up(sent: Racks, model: Path) -> None:
    shard = sent.at("host-2") / "model-1 of 2.safetensors"
    there = shard.stat()
    content = bytearray(shard.read_bytes())
    content[1000] ^= 1
    shard.write_bytes(content)
    os.utime(shard, ns=(there.st_atime_ns, there.st_mtime_ns))
    assert sent.run("check").findings == ()
    sent.deep = True
    before = written(sent.folder)
    report = sent.run("check")
    assert differences(report) == ["damaged: model-1 of 2.safetensors → as transferred"]
    assert report.findings[0].host == "host-2" and "--deep" in report.findings[0].hint
    assert written(sent.folder) == before
    assert sent.run("up").exit_code == 0
    assert shard.read_bytes() == (model / shard.name).read_bytes()
    assert sent.run("check").findings == ()


def test_a_transfer_that_broke_off_goes_on_with_what_is_missing(
    make_racks: Callable[[int], Racks], model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "PART", 100_000)
    racks = make_racks(1)
    racks.source, racks.path = "controller", model
    cancel = threading.Event()
    inbox = racks.at("host-1") / ".provision-incoming/host-1"
    shard = inbox / "model-1 of 2.safetensors"

    count = upload.Transfer._count

    def break_off(self: upload.Transfer, size: int) -> None:
        if shard.exists():
            cancel.set()
        count(self, size)

    with monkeypatch.context() as patched:
        patched.setattr(upload.Transfer, "_count", break_off)
        assert racks.run("up", cancel=cancel).exit_code == 1
    assert shard.exists() and not (inbox / "model-2 of 2.safetensors").exists()
    first = shard.stat().st_ino
    said = differences(racks.run("check"))
    assert len(said) == 1 and said[0].startswith("there in part, 0.") and said[0].endswith("of 0.6 MB → whole")
    assert racks.run("up").exit_code == 0
    assert names(racks.at("host-1")) == WANTED
    assert (racks.at("host-1") / shard.name).stat().st_ino == first, "what had come whole was sent once more"


def test_different_weights_keep_what_stands_on_them_from_starting_and_the_file_is_named(
    make_racks: Callable[[int], Racks], tmp_path: Path
) -> None:
    racks = make_racks(3)
    racks.path = tmp_path / "mounted"
    for host in ("host-1", "host-2", "host-3"):
        (racks.path / host).mkdir(parents=True)
        (racks.path / host / "config.json").write_text("{}")
        (racks.path / host / "model.safetensors").write_bytes(b"\x01" * 5000)
    server = TextFile(str(tmp_path / "server"), "started")
    (racks.path / "host-2" / "model.safetensors").write_bytes(b"\x02" * 5000)
    report = racks.run("up", server)
    assert report.exit_code == 1 and not (tmp_path / "server").exists()
    (error,) = report.errors
    assert (error.host, error.message) == ("host-2", "its weights are not those of host-1: one file differs")
    assert len(error.evidence) == 1 and error.evidence[0].startswith("model.safetensors: sha256 ")
    shutil.copy(racks.path / "host-1" / "model.safetensors", racks.path / "host-2")
    assert racks.run("up", server).exit_code == 0
    again = racks.run("up", server)
    assert (again.exit_code, changes(again), racks.run("check", server).findings) == (0, 0, ())


def test_new_weights_restart_what_stands_on_them(sent: Racks, model: Path, tmp_path: Path) -> None:
    server = TextFile(str(tmp_path / "server"), "started")
    assert sent.run("up", server).exit_code == 0
    (model / "config.json").write_text('{"rope": 2}')
    assert sent.run("up", server).hosts[0].changes == ("weights", "file server")


def test_down_leaves_the_model_and_purge_takes_what_was_sent(sent: Racks) -> None:
    assert changes(sent.run("down")) == 0
    assert names(sent.at("host-1")) == WANTED
    assert changes(sent.run("purge")) == 2
    assert list(sent.root("host-1").iterdir()) == []
    assert changes(sent.run("purge")) == 0


def test_purge_takes_models_that_were_served_before_as_well(sent: Racks, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sent.at("host-1")
    monkeypatch.setattr(Racks, "at", lambda self, host: self.root(host) / "models" / "acme--next")
    assert sent.run("up").exit_code == 0 and before.exists()
    assert sent.run("purge").exit_code == 0
    assert list(sent.root("host-1").iterdir()) == []


def test_purge_leaves_a_folder_of_somebody_elses(make_racks: Callable[[int], Racks], tmp_path: Path) -> None:
    racks = make_racks(1)
    racks.path = tmp_path / "mounted"
    (racks.path / "host-1").mkdir(parents=True)
    (racks.path / "host-1" / "config.json").write_text("{}")
    assert changes(racks.run("purge")) == 0, "it never touched that folder"
    assert racks.run("up").exit_code == 0
    before = written(racks.path)
    assert racks.run("purge").exit_code == 0
    assert written(racks.path) == before
    assert changes(racks.run("purge")) == 0


def test_another_clusters_model_stays_when_one_is_purged(sent: Racks) -> None:
    sent.cluster = "second"
    assert set(differences(sent.run("check"))) == {"another cluster's → in use here"}
    assert sent.run("up").exit_code == 0
    assert sent.run("purge").exit_code == 0
    assert changes(sent.run("purge")) == 0
    sent.cluster = "here"
    assert sent.run("check").findings == ()
