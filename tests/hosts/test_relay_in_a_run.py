"""`up` with `transfer: {relay: auto}`: what leaves the controller, and what is left where it cannot be."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from provision.cluster.cluster import Cluster
from provision.core.events import Event, Note, Progress
from provision.core.playbook import Playbook
from provision.core.resource import Resource, State
from provision.core.script import Script, Upload
from provision.inventory.models import Host
from provision.inventory.transfers import Transfers
from provision.payload.relay.wire import BLOCK
from provision.transport import upload
from provision.transport.pace import Pace
from provision.transport.relay_heard import RelayHeard
from provision.transport.relay_part import send as sends
from tests.hosts.engine import Hosts, changes
from tests.hosts.loopback import processes_below, wait_until

pytestmark = pytest.mark.hosts

ROOT = Path(__file__).parents[2]

#: In the command line of every program of a relay.
WORD = "provision.payload.relay"


@dataclass(frozen=True)
class Sent(Resource):
    """A file of the controller in a folder."""

    source: Path
    into: str

    @property
    def id(self) -> str:
        return "sent"

    def want(self) -> State:
        return {"sum": hashlib.sha256(self.source.read_bytes()).hexdigest()}

    def probe(self) -> Script:
        body = '[ ! -f "$path" ] || { sum=$(sha256sum < "$path") && echo "sum=${sum%% *}"; }'
        return Script(body, {"path": f"{self.into}/{self.source.name}"})

    def fix(self, have: State, want: State) -> Script:
        return Script("", uploads=(Upload(self.source, self.into),))


@dataclass
class Rack:
    hosts: Hosts
    folder: Path
    source: Path
    sent: list[int]

    def book(self, cluster: Cluster) -> Playbook:
        made = Playbook()
        for node in cluster.nodes:
            made.add(Sent(self.source, str(self.folder / node.name)), on=node.name)
        return made

    @property
    def relaying(self) -> list[int]:
        return processes_below(self.folder, WORD)

    @property
    def notes(self) -> list[str]:
        return [event.text for event in self.hosts.events if isinstance(event, Note)]

    @property
    def blocks(self) -> int:
        """How many have left the controller in a relay."""
        return sum(size > BLOCK // 2 for size in self.sent)


@pytest.fixture
def rack(make_host: Callable[..., Host], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rack:
    monkeypatch.setattr(upload, "PART", BLOCK)
    hosts = [make_host() for _ in range(3)]
    hosts = [host.model_copy(update={"node_ip": host.address}) for host in hosts]
    source = tmp_path / "wheel.whl"
    source.write_bytes(os.urandom(5 * BLOCK))
    sent: list[int] = []
    monkeypatch.setattr("provision.transport.relay.send", lambda *what: sent.append(len(what[-1])) or sends(*what))
    return Rack(Hosts(hosts, transfer=Transfers(relay="auto")), tmp_path, source, sent)


def test_it_leaves_once_and_a_second_run_changes_nothing(rack: Rack) -> None:
    report = rack.hosts.run("up", rack.book)
    assert (report.exit_code, changes(report)) == (0, 3), report.errors
    assert rack.blocks == 5
    assert rack.notes == []
    assert {e.host for e in rack.hosts.events if isinstance(e, Progress) and e.text.startswith("relayed ")} == {
        "host-1", "host-2", "host-3",
    }  # fmt: skip
    for host in ("host-1", "host-2", "host-3"):
        assert [path.name for path in (rack.folder / host).iterdir()] == [rack.source.name]
    again = rack.hosts.run("up", rack.book)
    assert (again.exit_code, changes(again)) == (0, 0)
    assert [host.commands for host in again.hosts] == [2, 2, 2]
    assert rack.blocks == 5
    assert not rack.relaying


@pytest.mark.parametrize("relay", ["auto", "never"])
def test_what_leaves_is_no_faster_than_the_limit(
    rack: Rack, relay: Literal["auto", "never"], monkeypatch: pytest.MonkeyPatch
) -> None:
    paced: list[tuple[float, int]] = []
    monkeypatch.setattr(Pace, "take", lambda self, size: paced.append((self.rate, size)))
    rack.hosts.transfer = Transfers(relay=relay, limit="999 Gbit")
    report = rack.hosts.run("up", rack.book)
    assert (report.exit_code, changes(report)) == (0, 3), report.errors
    assert {rate for rate, _ in paced} == {999e9 / 8}
    copies = sum(size for _, size in paced) // rack.source.stat().st_size
    assert copies == (1 if relay == "auto" else 3)


def test_without_being_asked_nothing_goes_from_host_to_host(rack: Rack) -> None:
    rack.hosts.transfer = Transfers()
    assert rack.hosts.run("up", rack.book).exit_code == 0
    assert rack.sent == []


def test_a_host_that_the_others_do_not_reach_is_sent_it_from_here(rack: Rack) -> None:
    """Its address for the others is none of its own: nothing can listen there."""
    first, *others = rack.hosts.hosts
    rack.hosts.hosts = [first.model_copy(update={"node_ip": "192.0.2.7"}), *others]
    report = rack.hosts.run("up", rack.book)
    assert (report.exit_code, changes(report)) == (0, 3), report.errors
    assert rack.blocks == 5
    (note,) = rack.notes
    assert note.startswith("large files are sent from here, not from host to host: ")
    assert "Cannot assign requested address" in note


def test_where_the_first_dies_the_others_go_on_from_one_that_is_left(
    rack: Rack, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[int] = []

    def send(heard: RelayHeard, kind: bytes, data: bytes) -> None:
        sends(heard, kind, data)
        if kind == b"D" and not killed:
            killed.extend(pid for pid in rack.relaying if Path(f"/proc/{pid}/cwd").resolve().name == "host-1")
            os.kill(*killed, signal.SIGKILL)

    monkeypatch.setattr("provision.transport.relay.send", send)
    report = rack.hosts.run("up", rack.book)
    assert (report.exit_code, changes(report)) == (0, 3), report.errors
    assert len(killed) == 1
    lost = [e.host for e in rack.hosts.events if isinstance(e, Note) and "not from host to host" in e.text]
    assert lost == ["host-1"]
    relayed = {e.host: e.text for e in rack.hosts.events if isinstance(e, Progress) and e.text.startswith("relayed")}
    assert {relayed[host] for host in ("host-2", "host-3")} == {"relayed 20/20 MiB"}


def test_ctrl_c_in_a_relay_leaves_nothing_that_runs(rack: Rack) -> None:
    cancel = threading.Event()

    def listen(event: Event) -> None:
        if isinstance(event, Progress) and event.text.startswith("relayed"):
            cancel.set()

    report = rack.hosts.run("up", rack.book, cancel=cancel, listener=listen)
    assert report.exit_code == 1
    assert wait_until(lambda: not rack.relaying)
    assert rack.hosts.run("up", rack.book).exit_code == 0
    for host in ("host-1", "host-2", "host-3"):
        assert [path.name for path in (rack.folder / host).iterdir()] == [rack.source.name]


@pytest.mark.needs("lab", "root")
def test_the_benchmark_in_a_small_form() -> None:
    words = ["--hosts", "2", "--size", "64", "--rate", "1gbit", "--no-loops"]
    done = subprocess.run([sys.executable, "-m", "benchmarks.relay", *words], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 hosts, and times one copy:   relay " in done.stdout
