"""A hub, or a mirror, that means harm, on real hosts, with the real huggingface_hub: nothing of it lands on a host."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fake_hub import FakeHub, Repository
from hub_racks import SHARD, HubRacks

from provision.core.secret import Secret
from provision.inventory.models import Host

pytestmark = pytest.mark.hosts


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    made = FakeHub()
    made.repositories["acme/tiny"] = Repository({"config.json": b"{}", SHARD: b"\x07" * 200_000})
    yield made
    made.stop()


@pytest.fixture
def repository(hub: FakeHub) -> Repository:
    return hub.repositories["acme/tiny"]


@pytest.fixture
def racks(make_host: Callable[..., Host], tmp_path: Path, hub_python: str, hub: FakeHub) -> HubRacks:
    return HubRacks.of([make_host()], tmp_path, hub_python, hub.url)


@pytest.mark.parametrize("name", ["{outside}/pwn.json", "a/../../../../pwn.json", "a\u202enosj.json"])
def test_a_name_that_leads_elsewhere_is_refused_before_anything_comes(
    racks: HubRacks, hub: FakeHub, repository: Repository, name: str, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    repository.files[name.format(outside=outside)] = b"planted"
    report = racks.run("up")
    (error,) = report.errors
    assert "the weights cannot be downloaded: bad names: " in error.message
    assert "\u202e" not in repr(error.evidence) and all("\n" not in line for line in error.evidence)
    assert hub.loaded == [] and list(outside.iterdir()) == [] and not racks.root("host-1").exists()
    assert list(tmp_path.rglob("pwn*")) == []


def test_a_file_without_a_hash_is_refused(racks: HubRacks, hub: FakeHub, repository: Repository) -> None:
    repository.unhashed.add("config.json")
    (error,) = racks.run("up").errors
    assert "no hash: " in error.message and error.evidence == ("config.json",) and "serve.weights.path" in error.hint
    assert hub.loaded == [] and not racks.root("host-1").exists()


@pytest.mark.parametrize("how", ["plain", "packed"])
def test_a_list_without_end_is_not_read_to_it(racks: HubRacks, hub: FakeHub, repository: Repository, how: str) -> None:
    repository.endless = how
    (error,) = racks.run("up").errors
    told = (error.message, *error.evidence)
    assert any(f"not trusted: {hub.url}/api/models/acme/tiny" in text for text in told), told
    assert any("answers with more than 64 MiB" in text for text in told), told
    assert hub.loaded == [] and not racks.root("host-1").exists()


def test_pickles_and_code_come_only_where_they_are_asked_for(
    racks: HubRacks, hub: FakeHub, repository: Repository
) -> None:
    repository.files |= {"modeling_x.py": b"print()", "extra.pkl": b"pickle"}
    assert racks.run("up").exit_code == 0
    assert sorted(name for name, _ in hub.loaded) == ["config.json", SHARD]
    assert racks.run("purge").exit_code == 0
    racks.code = True
    assert racks.run("up").exit_code == 0
    assert (racks.at("host-1") / "modeling_x.py").exists() and not (racks.at("host-1") / "extra.pkl").exists()


def test_a_model_of_pickles_alone_blocks_and_the_setting_is_named(
    racks: HubRacks, hub: FakeHub, repository: Repository
) -> None:
    repository.files["pytorch_model.bin"] = repository.files.pop(SHARD)
    (error,) = racks.run("up").errors
    assert "pickles: " in error.message and error.evidence == ("pytorch_model.bin",)
    assert "`serve.weights.pickles: true`" in error.hint and hub.loaded == []
    racks.pickles = True
    assert racks.run("up").exit_code == 0


@pytest.mark.parametrize("to", ["file:///etc/hostname"])
def test_a_redirection_to_another_kind_of_address_is_refused(
    racks: HubRacks, hub: FakeHub, repository: Repository, to: str
) -> None:
    repository.leads[SHARD] = to
    (error,) = racks.run("up").errors
    assert error.evidence[0].startswith(f"not trusted: {hub.url} leads to {to.partition(':')[0]}:")
    assert not (racks.at("host-1") / SHARD).exists()


def test_the_token_is_shown_to_the_hub_and_not_to_where_it_leads(
    racks: HubRacks, hub: FakeHub, repository: Repository
) -> None:
    cdn = FakeHub("127.0.0.2")
    try:
        cdn.repositories["acme/tiny"] = Repository(dict(repository.files))
        repository.leads[SHARD] = f"{cdn.url}/acme/tiny/resolve/main/{SHARD}"
        repository.token, racks.token = "hf_canary", Secret("hf_canary", "HF_TOKEN")
        report = racks.run("up")
        assert report.exit_code == 0, report.errors
        assert set(hub.shown) == {"hf_canary"} and cdn.shown == [""]
    finally:
        cdn.stop()


def test_no_more_is_written_than_was_announced(racks: HubRacks, repository: Repository) -> None:
    repository.longer.add(SHARD)
    report = racks.run("up")
    assert report.exit_code == 1
    assert not (racks.at("host-1") / SHARD).exists()
    size = len(repository.files[SHARD])
    assert all(path.stat().st_size <= size for path in racks.at("host-1").rglob("*") if path.is_file())


def test_what_lies_in_the_folder_already_is_used_if_it_is_equal_and_never_replaced(
    racks: HubRacks, hub: FakeHub, repository: Repository
) -> None:
    shard = racks.at("host-1") / SHARD
    shard.parent.mkdir(parents=True)
    shard.write_bytes(bytes(200_000))
    (error,) = racks.run("up").errors
    assert "not ours: " in error.message and error.evidence == (SHARD,) and hub.loaded == []
    assert shard.read_bytes() == bytes(200_000)
    shard.write_bytes(repository.files[SHARD])
    assert racks.run("up").exit_code == 0
    assert [name for name, _ in hub.loaded] == ["config.json"]
    assert racks.run("check").findings == ()
    assert racks.run("purge").exit_code == 0
    assert [path.name for path in racks.at("host-1").rglob("*")] == [SHARD]
