"""What is kept of the members of a cluster, and who is a former one by it."""

import json
from pathlib import Path

import pytest

from provision.engine.members import Members
from provision.inventory.models import Host, Inventory, Ssh

FIRST, SECOND = Host(name="gpu-01", address="10.0.0.1", role="head"), Host(name="gpu-02", address="10.0.0.2")


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))


def inventory(*hosts: Host, cluster: str = "gpus", path: str = "/srv/inventory.yaml") -> Inventory:
    return Inventory(path=Path(path), cluster=cluster, hosts=hosts)


def began(*hosts: Host) -> Members:
    members = Members.of(inventory(*hosts))
    members.begin([host.name for host in hosts])
    return Members.of(inventory(FIRST))


def names(members: Members, *, stopped: bool = False) -> list[str]:
    return [host.name for host in members.former(stopped=stopped)]


def test_who_is_not_in_the_inventory_is_former_until_stopped_and_remembered_until_purged() -> None:
    members = began(FIRST, SECOND.model_copy(update={"ssh": Ssh(user="ops", port=2222), "sudo": True}))
    assert names(members) == ["gpu-02"]
    (host,) = members.former(stopped=False)
    assert (host.address, host.ssh.user, host.ssh.port, host.base) == ("10.0.0.2", "ops", 2222, "/opt/provision")
    members.settle(["gpu-02"], purged=False)
    assert names(Members.of(inventory(FIRST))) == []
    assert names(Members.of(inventory(FIRST)), stopped=True) == ["gpu-02"]
    members.settle(["gpu-02"], purged=True)
    assert names(Members.of(inventory(FIRST)), stopped=True) == []


def test_a_host_at_another_address_is_another_machine_with_the_same_name() -> None:
    began(FIRST, SECOND)
    moved = SECOND.model_copy(update={"address": "10.0.0.9"})
    members = Members.of(inventory(FIRST, moved))
    assert names(members) == ["gpu-02@10.0.0.2"]
    members.begin(["gpu-01", "gpu-02"])
    assert names(Members.of(inventory(FIRST, moved))) == ["gpu-02@10.0.0.2"]
    members.settle(["gpu-02@10.0.0.2"], purged=True)
    assert names(Members.of(inventory(FIRST, moved)), stopped=True) == []


def test_nothing_is_written_while_nothing_changes() -> None:
    members = began(FIRST, SECOND)
    before = members.path.stat().st_mtime_ns, members.path.stat().st_ino
    Members.of(inventory(FIRST, SECOND)).begin(["gpu-01", "gpu-02"])
    assert (members.path.stat().st_mtime_ns, members.path.stat().st_ino) == before


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[1]",
        '{"v": 2, "inventory": "", "members": {"a": 1}}',
        '{"v": 1, "inventory": "", "members": {"a": 1}}',
        '{"v": 1, "inventory": "", "members": {"a": {"host": 3, "stopped": false}}}',
        '{"v": 1, "inventory": "", "members": {"a": {"host": {"address": [], "role": 3}, "stopped": false}}}',
    ],
)
def test_a_damaged_record_says_nothing(text: str) -> None:
    path = began(FIRST, SECOND).path
    path.write_text(text)
    assert names(Members.of(inventory(FIRST)), stopped=True) == []


def test_one_that_others_could_have_written_is_not_believed() -> None:
    path = began(FIRST, SECOND).path
    path.chmod(0o666)
    assert names(Members.of(inventory(FIRST))) == []


def test_an_earlier_name_is_known_by_the_inventory_it_stood_in_and_while_it_may_run() -> None:
    members = began(FIRST, SECOND)
    assert json.loads(members.path.read_text())["inventory"] == "/srv/inventory.yaml"
    assert Members.of(inventory(FIRST, cluster="blue")).renamed == ("gpus",)
    assert Members.of(inventory(FIRST, cluster="blue", path="/srv/blue.yaml")).renamed == ()
    members.settle(["gpu-01", "gpu-02"], purged=False)
    assert Members.of(inventory(FIRST, cluster="blue")).renamed == ()
