"""Services that are restarted together, and services that another playbook left, on real hosts."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from daemons import CLUSTER, PROGRAM, Daemon
from engine import Hosts, OneHost, changes, differences
from loopback import wait_until

from provision.cluster.cluster import Cluster
from provision.core.events import StepDone
from provision.core.finding import Severity
from provision.core.playbook import Playbook
from provision.core.resource import Resource
from provision.inventory.models import Host
from provision.resources.absent import Absent, Stopped
from provision.resources.service import Place

pytestmark = pytest.mark.hosts


@dataclass(frozen=True)
class Part(Daemon):
    def stopped(self) -> Resource:
        return Stopped(self)


@pytest.fixture
def hosts(make_host: Callable[..., Host]) -> Hosts:
    return Hosts([make_host(), make_host()])


@pytest.fixture
def parts(hosts: Hosts, tmp_path: Path) -> dict[str, Part]:
    (tmp_path / "program").write_text(PROGRAM)
    names = [host.name for host in hosts.hosts]
    return {n: Part(Place(str(tmp_path / n / "service"), f"{CLUSTER}/{n}/daemon"), tmp_path) for n in names}


def together(parts: dict[str, Part]) -> Callable[[Cluster], Playbook]:
    def book(cluster: Cluster) -> Playbook:
        made = Playbook()
        for name, part in parts.items():
            made.add(part, on=name, together="model")
        return made

    return book


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_one_that_is_killed_takes_the_others_with_it_and_all_are_stopped_before_one_begins(
    hosts: Hosts, parts: dict[str, Part]
) -> None:
    book = together(parts)
    try:
        assert changes(hosts.run("up", book)) == 2
        first, second = parts.values()
        before = [part.pid() for part in parts.values()]
        os.kill(second.pid(), signal.SIGKILL)
        assert wait_until(lambda: not runs(before[1]))

        checked = hosts.run("check", book)
        assert checked.exit_code == 3
        assert [(f.host, f.severity) for f in checked.findings] == [(second.host, Severity.DRIFT)]

        repaired = hosts.run("up", book)
        assert repaired.exit_code == 0
        done = [event.label for event in hosts.events if isinstance(event, StepDone)]
        assert done == ["daemon, stopped first"] * 2 + ["daemon"] * 2
        assert not any(runs(pid) for pid in before)
        assert all(runs(part.pid()) for part in parts.values())
        assert (Path(first.place.folder) / "log.1").read_text() == f"began with {first.host} one\n"
        assert changes(hosts.run("up", book)) == 0
    finally:
        hosts.run("down", book)
    assert not any(runs(part.pid(kind)) for part in parts.values() for kind in ("main", "child"))


def test_a_run_that_was_cut_off_while_one_began_starts_all_anew(hosts: Hosts, parts: dict[str, Part]) -> None:
    """A process that waits for the others must not meet those of the next start."""
    try:
        hosts.run("up", together(parts))
        before = {name: part.pid() for name, part in parts.items()}
        first, second = parts
        stamp = Path(parts[second].place.folder) / "stamp"
        stamp.write_text(stamp.read_text().replace("ready=yes\n", ""))
        assert hosts.run("up", together(parts)).exit_code == 0
        assert all(parts[name].pid() != before[name] for name in (first, second))
        assert not any(runs(pid) for pid in before.values())
    finally:
        hosts.run("down", together(parts))


def test_what_another_playbook_left_running_is_shown_and_taken_away(hosts: Hosts, parts: dict[str, Part]) -> None:
    host, part = OneHost(hosts.hosts[0]), next(iter(parts.values()))
    host.up(part)
    main, child = part.pid(), part.pid("child")
    assert differences(host.check(Absent(part))) == ["present → absent"]
    assert changes(host.up(Absent(part))) == 1
    assert not runs(main)
    assert not runs(child)
    assert not Path(part.place.folder).exists()
    assert changes(host.up(Absent(part))) == 0
    assert host.check(Absent(part)).exit_code == 0


def test_down_takes_it_away_too_without_an_up_before(hosts: Hosts, parts: dict[str, Part]) -> None:
    host, part = OneHost(hosts.hosts[0]), next(iter(parts.values()))
    host.up(replace(part, words=("old",)))
    main = part.pid()
    assert changes(host.down(Absent(part))) == 1
    assert not runs(main)
    assert changes(host.down(Absent(part))) == 0
