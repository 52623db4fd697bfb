"""What is kept of the members of a cluster, and who is a former one by it."""

import json
from pathlib import Path

import pytest

from provision.core.errors import NoHome
from provision.engine.members import Members, forget_hosts_of
from provision.inventory import load
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


def test_hosts_of_a_lab_that_is_gone_are_forgotten_and_no_others() -> None:
    began(FIRST, SECOND)
    lab = inventory(SECOND, path="/srv/lab/inventory.yaml")
    Members.of(lab).begin(["gpu-02"])
    alone = inventory(SECOND, cluster="alone", path="/srv/lab/inventory.yaml")
    Members.of(alone).begin(["gpu-02"])
    forget_hosts_of(Path("/srv/lab/inventory.yaml"))
    assert set(Members.of(inventory(FIRST)).entries) == {"gpu-01"}
    assert not Members.of(alone).entries and not Members.of(alone).path.exists()
    forget_hosts_of(Path("/srv/lab/inventory.yaml"))
    assert set(Members.of(inventory(FIRST)).entries) == {"gpu-01"}


def test_where_nothing_is_kept_nothing_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise NoHome("no home")

    monkeypatch.setattr("provision.engine.members.state_dir", nowhere)
    forget_hosts_of(Path("/srv/inventory.yaml"))


def test_a_host_at_another_address_is_another_machine_with_the_same_name() -> None:
    began(FIRST, SECOND)
    moved = SECOND.model_copy(update={"address": "10.0.0.9"})
    members = Members.of(inventory(FIRST, moved))
    assert names(members) == ["gpu-02@10.0.0.2"]
    members.begin(["gpu-01", "gpu-02"])
    assert names(Members.of(inventory(FIRST, moved))) == ["gpu-02@10.0.0.2"]
    members.settle(["gpu-02@10.0.0.2"], purged=True)
    assert names(Members.of(inventory(FIRST, moved)), stopped=True) == []


def test_what_another_inventory_has_under_the_same_name_is_left_alone_while_it_has_it(tmp_path: Path) -> None:
    def written(name: str, *hosts: Host) -> Inventory:
        lines = "".join(
            f"  {host.name}: {{address: {host.address}, role: {host.role or 'worker'}}}\n" for host in hosts
        )
        path = tmp_path / name
        path.write_text(f"cluster: gpus\nhosts:\n{lines}")
        return load(path)

    third = Host(name="gpu-03", address="10.0.0.3", role="head")
    one = written("one.yaml", FIRST, SECOND)
    Members.of(one).begin(["gpu-01", "gpu-02"])
    other = written("other.yaml", third)
    assert names(Members.of(other)) == names(Members.of(other), stopped=True) == []
    assert [member.host.name for member in Members.of(other).elsewhere()] == ["gpu-01", "gpu-02"]
    Members.of(other).begin(["gpu-03"])
    assert (names(Members.of(other)), names(Members.of(one))) == ([], []), "whoever came last was taken for the cluster"

    moved = tmp_path / "renamed.yaml"
    one.path.rename(moved)
    assert names(Members.of(other)) == ["gpu-01", "gpu-02"], "no inventory has them any more"
    moved.rename(one.path)
    written("one.yaml", FIRST)
    assert names(Members.of(other)) == ["gpu-02"]
    one.path.write_text("cluster: gpus\nhosts: [\n")
    assert names(Members.of(other)) == [], "who is in an inventory that cannot be read is not known"
    one.path.write_text("cluster: gpus\nhosts:\n  gpu-07: {address: 10.0.0.2, role: head}\n")
    assert names(Members.of(other)) == ["gpu-01"], "the same host under another name"


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
        "[" * 100_000,
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


def under_another_name(*hosts: Host, cluster: str = "blue", path: str = "/srv/inventory.yaml") -> Members:
    return Members.of(inventory(*hosts, cluster=cluster, path=path))


def test_an_earlier_name_is_known_by_the_inventory_it_stood_in_and_while_it_may_run() -> None:
    members = began(FIRST, SECOND)
    assert json.loads(members.path.read_text())["inventory"] == "/srv/inventory.yaml"
    assert under_another_name(FIRST, SECOND).renamed == ("gpus",)
    assert under_another_name(FIRST, SECOND, path="/srv/blue.yaml").renamed == ()
    members.settle(["gpu-01", "gpu-02"], purged=False)
    assert under_another_name(FIRST, SECOND).renamed == ()


@pytest.mark.parametrize(
    ("hosts", "beside"),
    [
        ([FIRST], ["gpus"]),
        ([FIRST, SECOND.model_copy(update={"name": "gpu-09"})], ["gpus"]),
        ([FIRST, SECOND.model_copy(update={"address": "10.0.0.9"})], ["gpus"]),
        ([FIRST, SECOND.model_copy(update={"ssh": Ssh(port=2222)})], ["gpus"]),
        ([FIRST, SECOND.model_copy(update={"ssh": Ssh(jump="bastion")})], ["gpus"]),
        ([host.model_copy(update={"address": f"10.9.0.{n}"}) for n, host in enumerate([FIRST, SECOND])], []),
    ],
    ids=["one less", "another name", "another address", "another port", "behind another host", "the same names only"],
)
def test_a_cluster_is_not_renamed_unless_each_member_is_reached_as_before(hosts: list[Host], beside: list[str]) -> None:
    began(FIRST, SECOND)
    members = under_another_name(*hosts)
    assert (members.renamed, list(members.beside)) == ((), beside)


def test_of_two_clusters_whose_inventories_are_written_to_one_path_neither_is_the_other() -> None:
    first, second = inventory(FIRST, SECOND), inventory(FIRST, SECOND, cluster="blue")
    Members.of(first).begin(["gpu-01", "gpu-02"])
    Members(second).begin(["gpu-01", "gpu-02"])
    for one, other in ((first, "blue"), (second, "gpus")):
        assert (Members.of(one).renamed, Members.of(one).beside) == ((), (other,))
    third = under_another_name(FIRST, SECOND, cluster="red")
    assert (third.renamed, third.beside) == ((), ("blue", "gpus"))


def test_a_change_of_name_that_broke_off_goes_on_until_the_former_name_is_used_again() -> None:
    began(FIRST, SECOND)
    under_another_name(FIRST, SECOND).begin(["gpu-01", "gpu-02"])
    assert under_another_name(FIRST, SECOND).renamed == ("gpus",)
    Members.of(inventory(FIRST, SECOND)).begin(["gpu-01", "gpu-02"])
    assert (under_another_name(FIRST, SECOND).renamed, under_another_name(FIRST, SECOND).beside) == ((), ("gpus",))


def test_what_another_run_has_written_meanwhile_is_not_written_back() -> None:
    began(FIRST, SECOND)
    waiting, other = Members.of(inventory(FIRST)), Members.of(inventory(FIRST))
    assert not waiting.reread() and names(waiting) == ["gpu-02"]
    other.settle(["gpu-02"], purged=True)
    assert waiting.reread() and names(waiting, stopped=True) == []
    waiting.begin(["gpu-01"])
    assert names(Members.of(inventory(FIRST)), stopped=True) == []
