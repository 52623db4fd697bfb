"""Weights that the controller sends, to a host that joins or has lost them, with `transfer: {relay: auto}`: their large
files come from a host that has them, and do not leave the controller."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from engine import Hosts, changes
from loopback import Users, processes_below, wait_until

from provision.cluster.cluster import Cluster
from provision.core.events import Note, Planned, Progress
from provision.core.playbook import Playbook
from provision.core.report import Report
from provision.inventory.models import Host
from provision.inventory.transfers import Transfers
from provision.payload.bundle import bundle
from provision.payload.relay.wire import BLOCK
from provision.render.plan import plan_lines
from provision.resources.weights import Weights
from provision.transport import upload
from provision.transport.relay_heard import RelayHeard
from provision.transport.relay_part import send as sends
from provision.weights.local import look

pytestmark = pytest.mark.hosts

SHARD, DEEPER = "model.safetensors", "more/model.safetensors"

#: In the command line of every program of a relay.
WORD = "provision.payload.relay"


@dataclass
class Rack:
    """Hosts of which the last one has no model, or no longer. `left`: sizes of what leaves the controller."""

    hosts: Hosts
    folder: Path
    model: Path
    left: list[int]
    owner: str = ""

    def at(self, host: str) -> Path:
        return self.folder / host / "models" / "acme--tiny"

    def weights(self, host: str) -> Weights:
        root = str(self.folder / host)
        return Weights(
            "controller",
            str(self.at(host)),
            root,
            "here",
            host,
            "/usr/bin/python3",
            here=look(self.model),
            owner=self.owner,
        )

    def book(self, cluster: Cluster) -> Playbook:
        book = Playbook()
        for node in cluster.nodes:
            book.add(self.weights(node.name), on=node.name)
        return book

    def run(self, command: str = "up", **how: object) -> Report:
        self.left.clear()
        return self.hosts.run(command, self.book, **how)  # type: ignore[arg-type]

    @property
    def blocks(self) -> int:
        """How many have left the controller in a relay."""
        return sum(size > BLOCK // 2 for size in self.left)

    @property
    def notes(self) -> list[str]:
        return [f"{event.host}: {event.text}" for event in self.hosts.events if isinstance(event, Note)]

    @property
    def planned(self) -> list[str]:
        return [line for event in self.hosts.events if isinstance(event, Planned) for line in plan_lines(event.plan)]

    @property
    def moved(self) -> dict[str, str]:
        said = [
            event for event in self.hosts.events if isinstance(event, Progress) and event.text.startswith("relayed")
        ]
        return {event.host: event.text for event in said}

    def serving(self) -> list[tuple[str, int]]:
        """Hosts that serve others, each with its process."""
        folders = {self.at(host.name): host.name for host in self.hosts.hosts}
        found = [(Path(f"/proc/{pid}/cwd").resolve(), pid) for pid in processes_below(self.folder, WORD)]
        return [(folders[place], pid) for place, pid in found if place in folders]

    def lose(self, host: str = "host-3") -> None:
        shutil.rmtree(self.folder / host)

    def assert_whole(self) -> None:
        for host in self.hosts.hosts:
            for name in (SHARD, DEEPER, "config.json"):
                assert (self.at(host.name) / name).read_bytes() == (self.model / name).read_bytes()
            assert not [path for path in self.at(host.name).rglob("*") if ".provision-part" in path.name]
        assert wait_until(lambda: not processes_below(self.folder, WORD))


@pytest.fixture
def rack(make_host: Callable[..., Host], open_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rack:
    """All three have it."""
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr(upload, "PART", BLOCK)
    model, folder = tmp_path / "model", open_path / "racks"
    (model / "more").mkdir(parents=True)
    (model / "config.json").write_text("{}")
    for name in (SHARD, DEEPER):
        (model / name).write_bytes(os.urandom(4 * BLOCK + 17))
    folder.mkdir()
    hosts = [make_host() for _ in range(3)]
    hosts = [host.model_copy(update={"node_ip": host.address}) for host in hosts]
    left: list[int] = []
    monkeypatch.setattr("provision.transport.relay.send", lambda *what: left.append(len(what[-1])) or sends(*what))
    made = Rack(Hosts(hosts, transfer=Transfers(relay="auto")), folder, model, left)
    report = made.run()
    assert (report.exit_code, changes(report)) == (0, 3), report.errors
    assert made.blocks == 2 * 4
    return made


def test_who_joins_has_it_from_a_host_that_has_it_and_the_plan_says_so(rack: Rack) -> None:
    rack.lose()
    before = (rack.at("host-1") / SHARD).stat()
    report = rack.run()
    assert (report.exit_code, changes(report), rack.notes) == (0, 1, []), report.errors
    assert rack.blocks == 0
    assert rack.planned == ["+ host-3  weights  large files from host-1 or host-2"]
    assert rack.moved.keys() == {"host-3"}
    assert (rack.at("host-1") / SHARD).stat().st_ino == before.st_ino
    rack.assert_whole()
    again = rack.run()
    assert (again.exit_code, changes(again), rack.planned) == (0, 0, [])
    assert [host.commands for host in again.hosts] == [2, 2, 2]


def test_one_file_that_is_lost_comes_from_there_too(rack: Rack) -> None:
    (rack.at("host-3") / DEEPER).unlink()
    report = rack.run()
    assert (report.exit_code, changes(report), rack.notes, rack.blocks) == (0, 1, [], 0), report.errors
    rack.assert_whole()


def test_several_have_it_from_one_and_from_each_other(rack: Rack) -> None:
    rack.lose("host-2")
    rack.lose()
    report = rack.run()
    assert (report.exit_code, changes(report), rack.notes, rack.blocks) == (0, 2, [], 0), report.errors
    assert rack.moved.keys() == {"host-2", "host-3"}
    rack.assert_whole()


def test_nothing_is_had_from_others_where_it_was_not_asked_for(rack: Rack) -> None:
    rack.lose()
    rack.hosts.transfer = Transfers()
    report = rack.run()
    assert (report.exit_code, changes(report), rack.left, rack.moved) == (0, 1, [], {}), report.errors
    assert rack.planned == ["+ host-3  weights"]
    rack.assert_whole()


@pytest.mark.parametrize("late", [False, True], ids=["it is heard of at once", "the other host has noticed first"])
def test_where_one_dies_another_goes_on_and_where_that_dies_the_controller_does(
    rack: Rack, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    killed: list[str] = []
    unheard: list[RelayHeard] = []
    looks = RelayHeard.look

    def send(heard: RelayHeard, kind: bytes, data: bytes) -> None:
        sends(heard, kind, data)
        for host, pid in rack.serving() if kind == b"H" else ():
            if host not in killed:
                os.kill(pid, signal.SIGKILL)
                killed.append(host)
                unheard.extend([heard] if late else [])

    def look(heard: RelayHeard, seconds: float) -> None:
        if heard not in unheard:
            looks(heard, seconds)

    monkeypatch.setattr("provision.transport.relay.send", send)
    monkeypatch.setattr(RelayHeard, "look", look)
    rack.lose()
    report = rack.run()
    assert (report.exit_code, changes(report), killed) == (0, 1, ["host-1", "host-2"]), report.errors
    gone = ("{}: others have no large files from it any more: ", "host-3: had no more from {}: ")
    for host in killed:
        assert [note for note in rack.notes for said in gone if note.startswith(said.format(host))], host
    (said,) = [note for note in rack.notes if "large files are sent from here" in note]
    assert said.startswith("host-3: ")
    rack.assert_whole()


def test_what_was_written_to_on_a_host_is_had_from_another(rack: Rack) -> None:
    """Size and time are as before, so that a look does not find it."""
    path = rack.at("host-1") / SHARD
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(BLOCK)
        file.write(b"other")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    rack.lose()
    rack.run()
    (note,) = [note for note in rack.notes if note.startswith("host-1: ")]
    assert note == f"host-1: others have no large files from it any more: is not the file that it was: {SHARD}"
    assert rack.blocks == 0
    for name in (SHARD, DEEPER):
        assert (rack.at("host-3") / name).read_bytes() == (rack.model / name).read_bytes()


def test_a_host_that_is_not_reached_sends_nothing_and_the_controller_does(rack: Rack) -> None:
    """Their addresses for the others are none of their own: nothing can listen there."""
    *holders, last = rack.hosts.hosts
    rack.hosts.hosts = [h.model_copy(update={"node_ip": f"192.0.2.{n}"}) for n, h in enumerate(holders, 7)] + [last]
    rack.lose()
    report = rack.run()
    assert (report.exit_code, changes(report)) == (0, 1), report.errors
    assert any(note.startswith("host-1: others have no large files from it any more: ") for note in rack.notes)
    assert any(
        note.startswith("host-3: large files are sent from here, not from host to host: ") for note in rack.notes
    )
    rack.assert_whole()


def test_behind_a_firewall_those_that_lack_it_have_it_from_each_other(
    rack: Rack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody gets through to who has it."""
    right, text = "threading.Thread(target=self._accept, daemon=True).start()", bundle("relay.host:main")
    deaf = f"self._socket.close() if hasattr(self._parts.files[0], 'name') else {right}"
    assert text.count(right) == 1
    monkeypatch.setattr("provision.transport.relay.bundle", lambda name: text.replace(right, deaf))
    rack.lose("host-2")
    rack.lose()
    report = rack.run()
    assert (report.exit_code, changes(report)) == (0, 2), report.errors
    assert rack.blocks == 2 * 4
    assert any("had no more from host-1" in note for note in rack.notes)
    assert not any("sent from here" in note for note in rack.notes)
    rack.assert_whole()


@pytest.mark.needs("root")
def test_it_is_read_and_written_with_the_rights_of_whom_it_is_for(rack: Rack, user: Users) -> None:
    for host in ("host-1", "host-2", "host-3"):
        rack.lose(host)
    rack.folder.chmod(0o755)
    rack.owner = user.make()
    assert rack.run().exit_code == 0
    rack.lose()
    seen: set[str] = set()

    def listen(event: object) -> None:
        rack.hosts.events.append(event)  # type: ignore[arg-type]
        if isinstance(event, Progress):
            for pid in processes_below(rack.folder, WORD):
                seen.add(Path(f"/proc/{pid}").owner())

    report = rack.run(listener=listen)
    assert (report.exit_code, changes(report), rack.notes, rack.blocks) == (0, 1, [], 0), report.errors
    assert seen == {rack.owner}
    rack.assert_whole()
