"""A former host that another run is at work on is left to it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provision.cluster.cluster import Cluster, Node
from provision.cluster.gather import Fleet, fleet_of
from provision.core.errors import PortClosed
from provision.core.events import silent
from provision.core.exits import Exit
from provision.core.finding import Severity
from provision.core.lease import Answer, Holder
from provision.core.plan import Mode
from provision.core.playbook import Playbook
from provision.core.reading import NotAFile
from provision.engine import former
from provision.engine.leasing import this_person
from provision.engine.members import Members
from provision.engine.state import Job
from provision.facts import Facts
from provision.inventory.models import Host, Inventory

FIRST, SECOND = Host(name="gpu-01", address="10.0.0.1", role="head"), Host(name="gpu-02", address="10.0.0.2")


def joined(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: Mode, holder: Holder) -> Any:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))

    def gathered(fleet: Fleet, _: Inventory) -> dict[str, Facts]:
        fleet.leases["gpu-02"] = Answer("busy", holder)
        return {host.name: Facts() for host in fleet.hosts}

    monkeypatch.setattr(former, "gather_facts", gathered)
    inventory = Inventory(path=tmp_path / "inventory.yaml", cluster="gpus", hosts=(FIRST,))
    members = Members.of(inventory.model_copy(update={"hosts": (FIRST, SECOND)}))
    members.begin(["gpu-01", "gpu-02"])
    job = Job.of_steps("up", mode, inventory, lambda _: Playbook(), None, None, {})
    object.__setattr__(job, "members", Members.of(inventory))
    with fleet_of((FIRST,), silent) as fleet:
        return former.Former(fleet, job).join(fleet, Cluster(inventory, (), job.lock, {}), None)


@pytest.mark.parametrize("mode", [Mode.UP, Mode.DOWN])
def test_it_is_not_touched_and_said_who_is_at_work_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: Mode
) -> None:
    other = Holder("up", "ann@laptop", pid=7, cluster="others")
    fleet, cluster, findings = joined(monkeypatch, tmp_path, mode, other)
    assert cluster.former == ()
    said = [error.message for error in fleet.all_errors] + [line for found in findings for line in found.evidence]
    assert len(said) == 1 and said[0].startswith("an `up` from laptop, pid 7, since ")
    assert [error.exit_code for error in fleet.all_errors] == ([Exit.BUSY] if mode is Mode.DOWN else [])


def test_this_run_itself_is_nobody_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mine = Holder("up", this_person(), pid=os.getpid(), cluster="gpus")
    _, cluster, findings = joined(monkeypatch, tmp_path, Mode.UP, mine)
    assert [node.name for node in cluster.former] == ["gpu-02"] and not findings


@pytest.mark.parametrize("mode", [Mode.UP, Mode.DOWN, Mode.CHECK])
def test_another_cluster_of_the_same_path_is_named_and_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: Mode
) -> None:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))
    inventory = Inventory(path=tmp_path / "inventory.yaml", cluster="gpus", hosts=(FIRST, SECOND))
    Members.of(inventory).begin(["gpu-01", "gpu-02"])
    blue = inventory.model_copy(update={"cluster": "blue", "hosts": (FIRST,)})
    job = Job.of_steps("up", mode, blue, lambda _: Playbook(), None, None, {})
    object.__setattr__(job, "members", Members.of(blue))
    with fleet_of((FIRST,), silent) as fleet:
        _, cluster, (finding,) = former.Former(fleet, job).join(fleet, Cluster(blue, (), job.lock, {}), None)
    assert cluster.renamed == ()
    assert finding.severity is Severity.WARNING and "cluster `gpus` may run on the same hosts" in finding.message
    assert "`provision down INVENTORY` with one that says `cluster: gpus`" in finding.hint


@pytest.mark.parametrize("mode", [Mode.UP, Mode.DOWN, Mode.CHECK])
def test_what_is_taken_for_a_former_name_is_said_to_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: Mode
) -> None:
    """Whether it is another cluster of the same hosts and path, nobody can tell: nothing else is claimed."""
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))
    inventory = Inventory(path=tmp_path / "inventory.yaml", cluster="gpus", hosts=(FIRST,))
    Members.of(inventory).begin(["gpu-01"])
    blue = inventory.model_copy(update={"cluster": "blue"})
    job = Job.of_steps("up", mode, blue, lambda _: Playbook(), None, None, {})
    object.__setattr__(job, "members", Members.of(blue))
    with fleet_of((FIRST,), silent) as fleet:
        _, cluster, (finding,) = former.Former(fleet, job).join(fleet, Cluster(blue, (), job.lock, {}), None)
    assert cluster.renamed == ("gpus",) and finding.severity is Severity.WARNING
    ended = "is ended" if mode is Mode.DOWN else "is ended by `up`, which then starts `blue`"
    assert finding.message.endswith(f"said `cluster: gpus` before: what runs as `gpus` on these hosts {ended}")
    assert "another path" in finding.hint


def piped(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


UNREAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "damaged": (lambda path: path.write_text("{"), "is damaged"),
    "a named pipe": (piped, "cannot be read: a named pipe, expected a file"),
    "a newer one": (lambda path: path.write_text('{"v": 9}'), "is of version 9, this provision reads version 1"),
    "open to others": (lambda path: path.chmod(0o666), "is not believed: "),
}


@pytest.mark.parametrize("what", UNREAD)
def test_that_nobody_knows_who_has_left_is_said_until_it_is_written_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, what: str
) -> None:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))
    inventory = Inventory(path=tmp_path / "inventory.yaml", cluster="gpus", hosts=(FIRST,))
    Members.of(inventory).begin(["gpu-01"])
    path = Members.of(inventory).path
    spoil, said = UNREAD[what]
    spoil(path)
    # Of another cluster, nothing of this one is told or hidden by it.
    other = path.parent.with_name("other")
    other.mkdir(mode=0o700)
    os.mkfifo(other / path.name)
    job = Job.of_steps("down", Mode.DOWN, inventory, lambda _: Playbook(), None, None, {})
    object.__setattr__(job, "members", Members.of(inventory))
    with fleet_of((FIRST,), silent) as fleet:
        _, _, (finding,) = former.Former(fleet, job).join(fleet, Cluster(inventory, (), job.lock, {}), None)
    assert finding.severity is Severity.WARNING
    assert f"who belonged to `gpus` is not known: `{path}` {said}" in finding.message
    assert f"`mv {path} {path}.old`" in finding.hint
    if what == "a named pipe":
        with pytest.raises(NotAFile):
            Members.of(inventory).begin(["gpu-01"])
        path.rename(f"{path}.old")
    else:
        Members.of(inventory).settle(["gpu-01"], purged=True)
        assert Members.of(inventory).written.damaged, "a `down` removes nothing that somebody else may be able to read"
    Members.of(inventory).begin(["gpu-01"])
    assert not Members.of(inventory).written.damaged


@pytest.mark.parametrize("mode", [Mode.UP, Mode.DOWN, Mode.CHECK])
def test_hosts_that_another_inventory_has_under_the_same_name_are_named_and_not_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: Mode
) -> None:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))
    path = tmp_path / "one.yaml"
    path.write_text("cluster: gpus\nhosts:\n  gpu-02: {address: 10.0.0.2, role: head}\n")
    Members.of(Inventory(path=path, cluster="gpus", hosts=(SECOND,))).begin(["gpu-02"])
    other = Inventory(path=tmp_path / "other.yaml", cluster="gpus", hosts=(FIRST,))
    job = Job.of_steps("up", mode, other, lambda _: Playbook(), None, None, {})
    object.__setattr__(job, "members", Members.of(other))
    with fleet_of((FIRST,), silent) as fleet:
        fleet, cluster, (finding,) = former.Former(fleet, job).join(fleet, Cluster(other, (), job.lock, {}), None)
    assert ([host.name for host in fleet.hosts], cluster.former) == (["gpu-01"], ())
    assert finding.said == f"left alone, because `{path}` has them, too: gpu-02 (10.0.0.2), which serve as `gpus`"
    assert finding.severity is Severity.WARNING


def test_of_one_that_is_gone_a_down_says_what_leads_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))

    def gathered(fleet: Fleet, _: Inventory) -> dict[str, Facts]:
        fleet.record("gpu-02", PortClosed("gpu-02", "nothing listens there", hint="look"))
        return {}

    monkeypatch.setattr(former, "gather_facts", gathered)
    inventory = Inventory(path=tmp_path / "inventory.yaml", cluster="gpus", hosts=(FIRST,))
    Members.of(inventory.model_copy(update={"hosts": (FIRST, SECOND)})).begin(["gpu-01", "gpu-02"])
    members = Members.of(inventory)
    job = Job.of_steps("down", Mode.DOWN, inventory, lambda _: Playbook(), None, None, {})
    object.__setattr__(job, "members", members)
    with fleet_of((FIRST,), silent) as fleet:
        former.Former(fleet, job).join(fleet, Cluster(inventory, (), job.lock, {}), None)
    (error,) = fleet.all_errors
    assert error.hint == f"look; if gpu-02 is gone for good: `rm {members.path}`"


def told_of_roots(tmp_path: Path, mode: Mode, now: Host, job_only: tuple[str, ...] = ()) -> list[Any]:
    inventory = Inventory(path=tmp_path / "inventory.yaml", cluster="gpus", hosts=(now,))
    job = Job.of_steps("up", mode, inventory, lambda _: Playbook(), None, job_only, {})
    object.__setattr__(job, "members", Members.of(inventory))
    cluster = Cluster(inventory, (Node(now, Facts(home="/home/ops")),), job.lock, {})
    with fleet_of((now,), silent) as fleet:
        return former.Former(fleet, job).join(fleet, cluster, None)[2]


def test_a_root_that_was_changed_is_named_until_up_and_once_more_by_purge(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))
    inventory = Inventory(path=tmp_path / "inventory.yaml", cluster="gpus", hosts=(FIRST,))
    Members.of(inventory).begin(["gpu-01"])
    moved = FIRST.model_copy(update={"root": "/data/new"})
    for mode in (Mode.UP, Mode.PURGE):
        (finding,) = told_of_roots(tmp_path, mode, moved)
        assert finding.host == "gpu-01" and "~/.provision/clusters/gpus, ~/.provision/envs" in finding.said
        assert "`root: ~/.provision`" in finding.hint
        assert told_of_roots(tmp_path, mode, moved, ("gpu-01",)) == []
        # The same folder in other words.
        assert told_of_roots(tmp_path, mode, FIRST.model_copy(update={"root": "/home/ops/.provision/"})) == []
    again = inventory.model_copy(update={"hosts": (moved,)})
    Members.of(again).begin(["gpu-01"])
    assert Members.of(again).entries["gpu-01"].roots == ("~/.provision",)
    assert told_of_roots(tmp_path, Mode.UP, moved) == []
    (finding,) = told_of_roots(tmp_path, Mode.PURGE, moved)
    assert "~/.provision/clusters/gpus" in finding.said
    (other,) = told_of_roots(tmp_path, Mode.PURGE, FIRST)
    assert "/data/new/clusters/gpus" in other.said
