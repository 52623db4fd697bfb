"""Hosts come and go: what is taken out of the inventory is stopped, and known until then (real Ray: tests/cluster)."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from daemons import CLUSTER, PROGRAM, Daemon
from engine import Hosts, changes
from loopback import Sshds

from provision.cluster.cluster import Cluster, Node
from provision.cluster.gather import fleet_of
from provision.core.events import silent
from provision.core.finding import Severity
from provision.core.lease import Claim, read_answer
from provision.core.playbook import Playbook
from provision.core.report import Report
from provision.core.resource import Resource, State
from provision.core.script import Script
from provision.engine.former import Former
from provision.engine.leasing import Leasing
from provision.engine.members import Members
from provision.inventory.models import Host, Inventory
from provision.resources.service import Place
from provision.stack.former import with_former
from provision.stack.leftovers import with_leftovers
from provision.transport.lease import unlocking

pytestmark = pytest.mark.hosts

MakeHost = Callable[..., Host]


@dataclass(frozen=True)
class Prepared(Resource):
    """Something that takes long to bring, and stays until it is purged."""

    removable: ClassVar[bool | str] = "purge"

    path: Path

    @property
    def id(self) -> str:
        return "prepared"

    def want(self) -> State:
        return {"there": "yes"}

    def probe(self) -> Script:
        return Script('[ ! -e "$path" ] || echo there=yes', {"path": self.path})

    def fix(self, have: State, want: State) -> Script:
        return Script('rm -f "$path"' if want is None else ': > "$path"', {"path": self.path})


class Rack:
    """A daemon on each of the hosts that are in the inventory."""

    def __init__(self, here: Path, hosts: list[Host]) -> None:
        self.here, self.hosts, self.name, self.spares = here, hosts, CLUSTER, 0

    def daemon(self, node: "Node | Host") -> Daemon:
        place = Place(str(self.here / "kept" / node.name / "ray"), f"{self.name}/{node.name}/ray")
        return Daemon(place, self.here)

    def run(self, command: str, *hosts: Host) -> Report:
        def book(cluster: Cluster) -> Playbook:
            made = Playbook()
            for node in cluster.nodes:
                made.add(Prepared(self.here / f"{node.name}.prepared"), on=node.name)
                made.add(self.daemon(node), on=node.name)
            return made

        removes = command in ("down", "purge")
        whole = with_leftovers(with_former(book, removes=removes), removes=removes)
        return Hosts(hosts or self.hosts, cluster=self.name, remembers=True, spares=self.spares).run(command, whole)

    def runs(self) -> dict[str, bool]:
        return {host.name: self.has(self.daemon(host).pid()) for host in self.hosts}

    def has(self, pid: int) -> bool:
        """Whether it is a process of this rack. Where nobody waits for one that has ended, it has no environment."""
        try:
            return str(self.here) in Path(f"/proc/{pid}/environ").read_text()
        except OSError:
            return False

    @property
    def record(self) -> Path:
        return Path(os.environ["PROVISION_STATE_DIR"]) / CLUSTER / "members.json"


@pytest.fixture
def rack(make_host: MakeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rack]:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))
    here = tmp_path / "here"
    here.mkdir()
    (here / "program").write_text(PROGRAM)
    found = Rack(here, [make_host(name=f"host-{n}") for n in (1, 2)])
    assert found.run("up").exit_code == 0
    assert found.runs() == {"host-1": True, "host-2": True}
    yield found
    for file in (*here.glob("*.main"), *here.glob("*.child")):
        if found.has(int(file.read_text())):
            os.kill(int(file.read_text()), signal.SIGKILL)


def test_a_host_that_was_taken_out_is_one_finding_is_stopped_once_and_purged_with_the_rest(rack: Rack) -> None:
    first, second = rack.hosts
    assert rack.record.stat().st_mode & 0o77 == 0
    report = rack.run("check", first)
    (finding,) = report.findings
    assert report.exit_code == 3 and finding.host == "host-2" and finding.severity is Severity.DRIFT
    assert finding.message.startswith("host-2 is no longer in the inventory, and has still daemon")

    assert rack.run("up", first).exit_code == 0
    assert rack.runs() == {"host-1": True, "host-2": False}
    assert not Path(rack.daemon(second).place.folder).exists()
    again = rack.run("up", first)
    assert (again.exit_code, changes(again), [host.name for host in again.hosts]) == (0, 0, ["host-1"])
    assert rack.run("check", first).exit_code == 0

    assert [host.name for host in rack.run("purge", first).hosts] == ["host-1", "host-2"]
    assert rack.runs() == {"host-1": False, "host-2": False} and not rack.record.exists()


def test_down_knows_it_and_says_so_where_it_cannot_look(rack: Rack) -> None:
    first, _ = rack.hosts
    kept = json.loads(rack.record.read_text())
    kept["members"]["host-2"]["host"]["ssh"] |= {"port": 1, "connect_timeout": 1}
    good = rack.record.read_text()
    rack.record.write_text(json.dumps(kept))

    report = rack.run("check", first)
    assert report.exit_code == 0
    (finding,) = report.findings
    assert finding.severity is Severity.WARNING and "host-2" in finding.message and "rm " in finding.hint
    assert rack.run("up", first).exit_code == 0
    assert rack.run("down", first).exit_code == 4
    assert rack.runs() == {"host-1": False, "host-2": True}

    rack.record.write_text(good)
    assert rack.run("down", first).exit_code == 0
    assert rack.runs() == {"host-1": False, "host-2": False}


def test_down_ends_as_busy_where_another_run_is_at_work_on_it(rack: Rack) -> None:
    first, second = rack.hosts
    with fleet_of((second,), silent) as fleet:
        theirs = Claim("up", "others", "/srv/others.yaml", "ann@laptop", 7)
        answer, _ = fleet.transport.connect(second).hold(theirs)
        assert answer.state == "held"
        report = rack.run("down", first)
        assert report.exit_code == 5
        assert rack.runs() == {"host-1": False, "host-2": True}
    assert rack.run("down", first).exit_code == 0
    assert rack.runs() == {"host-1": False, "host-2": False}


def test_a_run_that_has_lost_the_lease_of_a_former_host_writes_nothing_there(
    rack: Rack, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = rack.hosts
    join, taken = Former.join, []

    def unlocked(former: Former, *given: Any) -> Any:
        found = join(former, *given)
        (said,) = given[0].transport.connect(second).run([unlocking("bob@desk", "it hangs")])
        taken.append(read_answer(said.stdout))
        return found

    monkeypatch.setattr(Former, "join", unlocked)
    report = rack.run("up", first)
    assert [answer.state for answer in taken] == ["taken"]
    assert report.exit_code == 1 and "its lease was taken by bob@desk" in report.errors[0].message
    assert rack.runs() == {"host-1": True, "host-2": True}


def test_what_the_run_before_did_is_known_to_one_that_has_waited_for_it(
    rack: Rack, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = rack.hosts
    settle = Leasing.settle

    def waited(leasing: Leasing) -> bool:
        Members.of(Inventory(path=Path("inventory.yaml"), cluster=CLUSTER, hosts=(first,))).settle(
            ["host-2"], purged=True
        )
        return settle(leasing)

    monkeypatch.setattr(Leasing, "settle", waited)
    report = rack.run("up", first)
    assert report.exit_code == 0 and [host.name for host in report.hosts] == ["host-1"]
    assert list(json.loads(rack.record.read_text())["members"]) == ["host-1"]


def test_under_another_name_of_the_host_or_the_cluster_it_is_still_known(rack: Rack) -> None:
    first, second = rack.hosts
    renamed = second.model_copy(update={"name": "host-9"})
    assert rack.run("up", first, renamed).exit_code == 0
    assert rack.runs() == {"host-1": True, "host-2": False}

    rack.name, rack.hosts = f"{CLUSTER}-new", [first, renamed]
    before = rack.daemon(first).pid()
    report = rack.run("up")
    assert report.exit_code == 0 and not rack.has(before)
    assert rack.runs() == {"host-1": True, "host-9": True} and not rack.record.exists()
    assert changes(rack.run("up")) == 0
    assert rack.run("down").exit_code == 0
    assert rack.runs() == {"host-1": False, "host-9": False}


def test_a_spare_is_prepared_and_serves_once_another_does_not_answer(
    rack: Rack, make_host: MakeHost, sshds: Sshds
) -> None:
    rack.hosts.append(make_host(name="host-3"))
    rack.spares = 1
    assert rack.run("up").exit_code == 0
    assert Path(rack.here / "host-3.prepared").exists() and not Path(rack.here / "host-3.main").exists()
    assert changes(rack.run("up")) == 0 and rack.run("check").exit_code == 0

    sshds.running[1].stop()
    report = rack.run("up")
    assert report.exit_code == 0 and [host.name for host in report.hosts] == ["host-1", "host-3"]
    assert [finding.said for finding in report.findings] == [
        "host-2 does not answer: it is one of the spares until it does"
    ]
    assert rack.runs()["host-3"] and changes(rack.run("up")) == 0
    assert rack.run("check").exit_code == 4
    kept = json.loads(rack.record.read_text())["members"]
    assert {name: entry["stopped"] for name, entry in kept.items()} == {
        "host-1": False,
        "host-2": True,
        "host-3": False,
    }


def test_a_spare_becomes_the_head_once_the_inventory_says_so(rack: Rack, make_host: MakeHost, sshds: Sshds) -> None:
    rack.hosts.append(make_host(name="host-3"))
    rack.spares = 1
    assert rack.run("up").exit_code == 0
    sshds.running[0].stop()
    for command in ("check", "up"):
        report = rack.run(command)
        assert report.exit_code == 4 and changes(report) == 0
        (finding,) = [finding for finding in report.findings if finding.severity is Severity.WARNING]
        assert finding.said == "the head host-1 does not answer, and no spare takes over for it by itself"
        assert "write `role: head` at `host-3` instead, then `provision up " in finding.hint
        assert not [finding for finding in report.findings if finding.host == "host-3"]
    assert not (rack.here / "host-3.main").exists()

    first, second, third = rack.hosts
    rack.hosts = [third.model_copy(update={"role": "head"}), second, first.model_copy(update={"role": "worker"})]
    report = rack.run("up")
    assert report.exit_code == 0, report.errors
    assert rack.runs() == {"host-1": True, "host-2": True, "host-3": True}
    gone = sshds.running[0]
    sshds.start(address=gone.address, port=gone.port, host_key=gone.folder / "host_key")
    assert rack.run("up").exit_code == 0
    assert rack.runs() == {"host-1": False, "host-2": True, "host-3": True}
