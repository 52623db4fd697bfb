"""Downloads from a hub on real hosts, with the real huggingface_hub: what comes, what stays, and what is said."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from engine import changes, differences, written
from fake_hub import FakeHub, Repository
from hub_racks import SHARD, HubRacks

from provision.core.events import Event
from provision.core.secret import Secret
from provision.inventory.models import Host
from provision.resources.text_file import TextFile

pytestmark = pytest.mark.hosts


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    made = FakeHub()
    made.repositories["acme/tiny"] = Repository(
        {
            "config.json": b"{}",
            "tokenizer.json": b"[1, 2]",
            SHARD: os.urandom(3_000_000),
            "pytorch_model.bin": b"the same once more" * 10_000,
            "original/consolidated.00.pth": b"and once more" * 10_000,
            "picture.png": b"nobody serves this",
        }
    )
    yield made
    made.stop()


@pytest.fixture
def racks(make_host: Callable[..., Host], tmp_path: Path, hub_python: str, hub: FakeHub) -> HubRacks:
    return HubRacks.of([make_host(), make_host()], tmp_path, hub_python, hub.url)


def names(folder: Path) -> list[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(str(path) for path in found if not str(path).startswith("."))


def test_only_what_a_server_reads_is_downloaded_and_then_the_hub_is_left_alone(racks: HubRacks, hub: FakeHub) -> None:
    report = racks.run("up")
    assert (report.exit_code, changes(report)) == (0, 2), report.errors
    for host in ("host-1", "host-2"):
        assert names(racks.at(host)) == ["config.json", SHARD, "tokenizer.json"]
        assert (racks.at(host) / SHARD).read_bytes() == hub.repositories["acme/tiny"].files[SHARD]
    asked, before = hub.asked, written(racks.folder)
    again = racks.run("up")
    assert (again.exit_code, changes(again), racks.run("check").findings) == (0, 0, ())
    assert hub.asked == asked and written(racks.folder) == before
    cells = {cell.fact: cell.value for cell in racks.run("check").known["host-2"]}
    assert cells["weights"].endswith("3.0 MB in 3 files, commit aaaaaaaa")
    assert racks.run("purge").exit_code == 0
    assert list(racks.root("host-1").iterdir()) == []


def test_a_download_that_was_cut_off_goes_on_where_it_stopped(racks: HubRacks, hub: FakeHub) -> None:
    repository = hub.repositories["acme/tiny"]
    racks.hosts.hosts = racks.hosts.hosts[:1]
    # huggingface_hub writes 10 MB at a time.
    repository.files[SHARD] = os.urandom(25_000_000)
    repository.holds[SHARD] = 22_000_000
    cancel = threading.Event()
    threading.Thread(target=lambda: hub.holding.wait(30) and begun() and cancel.set(), daemon=True).start()

    def begun() -> bool:
        """What has come is on the disk, and not only on its way."""
        while not any(path.stat().st_size >= 10_000_000 for path in racks.at("host-1").rglob(".provision-parts/*/*")):
            threading.Event().wait(0.05)
        return True

    report = racks.run("up", cancel=cancel)
    hub.go.set()
    assert report.exit_code == 1 and not (racks.at("host-1") / SHARD).exists()
    said = differences(racks.run("check"))
    assert len(said) == 1 and said[0].startswith("there in part, ")
    hub.loaded.clear()
    assert racks.run("up").exit_code == 0
    assert [first >= 10_000_000 for name, first in hub.loaded if name == SHARD] == [True]
    assert (racks.at("host-1") / SHARD).read_bytes() == repository.files[SHARD]


def test_a_gated_model_is_refused_before_anything_is_changed_and_comes_with_a_token(
    racks: HubRacks, hub: FakeHub
) -> None:
    repository = hub.repositories["acme/tiny"]
    repository.token, repository.gated = "hf_canary", True
    report = racks.run("up")
    assert report.exit_code == 1 and not racks.root("host-1").exists()
    (error,) = report.errors
    assert "gated: " in error.message and "without a token" in error.message
    assert "secrets.HF_TOKEN" in error.hint
    racks.token = Secret("hf_canary", "HF_TOKEN")
    said: list[Event] = []
    assert racks.run("up", listener=said.append).exit_code == 0
    assert "hf_canary" not in repr(said)
    holding = [path for path in racks.folder.rglob("*") if path.is_file() and b"hf_canary" in path.read_bytes()]
    assert holding == []


def test_a_name_that_the_hub_does_not_know_is_said_once(racks: HubRacks, hub: FakeHub) -> None:
    hub.repositories.clear()
    report = racks.run("up")
    assert [(error.host, error.message.split(":")[1]) for error in report.errors] == [("", " not found")]


def test_a_hub_that_is_not_reached_is_said_once_with_the_way_out(racks: HubRacks) -> None:
    racks.hub = "http://127.0.0.1:9"
    (error,) = racks.run("up").errors
    assert "no way: http://127.0.0.1:9 is not reached" in error.message
    assert "serve.weights.path" in error.hint


@pytest.mark.parametrize("name", [SHARD, "config.json"])
def test_a_file_that_comes_damaged_is_named_and_loaded_again(racks: HubRacks, hub: FakeHub, name: str) -> None:
    """A large one, which the hub names by its sha256, and a small one, by git's hash."""
    racks.hosts.hosts = racks.hosts.hosts[:1]
    hub.repositories["acme/tiny"].spoiled.add(name)
    report = racks.run("up")
    assert report.exit_code == 1
    assert report.errors[0].evidence == (
        "these files have to come again:",
        f"{name}: other content than expected, removed",
    )
    assert not (racks.at("host-1") / name).exists()
    hub.repositories["acme/tiny"].spoiled.clear()
    hub.loaded.clear()
    assert racks.run("up").exit_code == 0
    assert {loaded for loaded, _ in hub.loaded} == {name}


def test_a_damaged_file_is_found_by_a_deep_check_and_downloaded_again(racks: HubRacks, hub: FakeHub) -> None:
    assert racks.run("up").exit_code == 0
    shard = racks.at("host-2") / SHARD
    there, content = shard.stat(), bytearray(shard.read_bytes())
    content[7] ^= 1
    shard.write_bytes(content)
    os.utime(shard, ns=(there.st_atime_ns, there.st_mtime_ns))
    assert racks.run("check").findings == ()
    racks.deep = True
    assert [f.host for f in racks.run("check").findings] == ["host-2"]
    hub.loaded.clear()
    assert racks.run("up").exit_code == 0
    assert hub.loaded == [(SHARD, 0)]
    assert racks.run("check").findings == ()


def test_two_commits_of_a_branch_are_told_apart_before_the_server_starts(
    racks: HubRacks, hub: FakeHub, tmp_path: Path
) -> None:
    """A host that comes later gets what the branch is by then."""
    both = racks.hosts.hosts
    racks.server = (TextFile(str(tmp_path / "server"), "started"),)
    racks.hosts.hosts = both[:1]
    assert racks.run("up").exit_code == 0
    hub.repositories["acme/tiny"].commit = "b" * 40
    hub.repositories["acme/tiny"].files["config.json"] = b'{"new": 1}'
    racks.hosts.hosts = both
    report = racks.run("up")
    (error,) = report.errors
    assert (error.host, error.message) == ("host-2", "its weights are not those of host-1: one file differs")
    assert error.evidence == ("config.json: 10 bytes here, 2 on host-1",)
    assert "pin serve.weights.revision" in error.hint


@pytest.mark.needs("mount")
def test_a_disk_that_is_too_small_is_told_before_a_byte_comes(racks: HubRacks, hub: FakeHub) -> None:
    small = racks.root("host-2")
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", small], check=True)
    try:
        report = racks.run("up")
        (error,) = report.errors
        assert error.host == "host-2"
        where = re.escape(str(racks.at("host-2")))
        assert re.fullmatch(
            rf"the weights need [23]\.\d MB more in {where}, the disk has 0\.0 MB to spare", error.message
        )
        assert hub.loaded == [] and not racks.root("host-1").exists()
    finally:
        subprocess.run(["umount", small], check=True)
