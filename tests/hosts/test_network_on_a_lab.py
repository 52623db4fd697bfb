"""`up` and `check --prove` on hosts with two interfaces and a firewall each: what is blocked is named, and nothing is
changed before it is mended."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback import wait_until
from own_playbooks import MINE, WORKS
from package_index import Index

import provision
from provision.core.events import Note
from provision.core.finding import Severity
from provision.core.report import Report
from provision.inventory import load
from provision.inventory.models import Inventory
from provision.lab import Lab
from provision.lab.control import HostControl

pytestmark = [
    pytest.mark.hosts,
    pytest.mark.needs("lab"),
]
PROVE = "from provision.proofs.network.proof import network_proof; book.prove(network_proof(cluster))"
#: One of Ray's worker ports.
PORT = 20499


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    lab = Lab(name=f"test-proof-{os.getpid()}")
    try:
        lab.up(hosts=3, gpus=0, init="sshd", fabric=True)
        yield lab
    finally:
        lab.down()


@pytest.fixture
def hosts(lab: Lab) -> Iterator[tuple[HostControl, ...]]:
    """Open to each other before and after."""
    controls = tuple(lab.host(host.name) for host in lab.status().hosts)
    yield controls
    for control in controls:
        control.allow()
        control.fabric_mtu(9000)
        control.exec(["rm", "-rf", "/home/ops/.provision"])


@pytest.fixture
def inventory(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inventory:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "mine.py").write_text(MINE.format(fix=WORKS, body=PROVE, edges=""))
    (tmp_path / "inventory.yaml").write_text(lab.inventory.read_text())
    return load(tmp_path / "inventory.yaml")


def up(inventory: Inventory, **options: object) -> tuple[Report, list[str]]:
    """With the notes that it said of the proof."""
    said: list[str] = []

    def hear(event: object) -> None:
        if isinstance(event, Note) and event.text.startswith("network proof"):
            said.append(event.text)

    mine = inventory.path.with_name("mine.py")
    return provision.up(inventory, playbook=mine, listener=hear, **options), said  # type: ignore[arg-type]


def untouched(hosts: tuple[HostControl, ...]) -> bool:
    return all(host.exec(["test", "-e", "/home/ops/.provision"]).returncode != 0 for host in hosts)


def blocked(inventory: Inventory, hosts: tuple[HostControl, ...]) -> tuple[str, str]:
    """Host and message of the one error that `up` ended with, before it changed anything. On a busy machine it may warn
    of slow paths, too."""
    report, _ = up(inventory)
    assert report.exit_code == 1
    assert untouched(hosts)
    assert [host.changes for host in report.hosts] == [(), (), ()]
    (error,) = report.errors
    (finding,) = (f for f in report.findings if f.fact == "network proof" and f.severity is Severity.BLOCKS)
    assert finding.message == error.message
    return finding.host, finding.message


def test_in_a_sound_network_up_says_one_line_and_goes_on_and_when_nothing_changes_says_none(
    inventory: Inventory, hosts: tuple[HostControl, ...]
) -> None:
    report, said = up(inventory)
    assert (report.exit_code, [host.changes for host in report.hosts]) == (0, [("marker",)] * 3)
    (line,) = said
    assert line.startswith("network proof: 74 of 74 connections between 3 hosts, round trip ")
    assert line.endswith(", MTU 9000")
    assert [phase.name for phase in report.phases if "proof" in phase.name] == ["network proof"]
    again, said = up(inventory)
    assert (again.exit_code, said) == (0, [])


def test_one_port_dropped_one_way_between_one_pair_stops_up_and_is_named(
    inventory: Inventory, hosts: tuple[HostControl, ...]
) -> None:
    hosts[1].drop(PORT, source=hosts[0].fabric_address)
    where, message = blocked(inventory, hosts)
    assert (where, message) == ("lab-2", f"TCP to port {PORT} (Ray's workers) is dropped from lab-1 to lab-2")
    hosts[1].allow()
    assert up(inventory)[0].exit_code == 0


def test_a_port_that_a_rule_refuses_to_all_is_not_called_dropped(
    inventory: Inventory, hosts: tuple[HostControl, ...]
) -> None:
    hosts[1].refuse(PORT)
    where, message = blocked(inventory, hosts)
    assert (where, message) == ("lab-2", f"TCP to port {PORT} (Ray's workers) is refused from all others to lab-2")


def test_a_way_that_no_route_leads_to_is_not_called_a_firewall(
    inventory: Inventory, hosts: tuple[HostControl, ...]
) -> None:
    target = hosts[0].fabric_address
    hosts[2].exec(["ip", "route", "add", "unreachable", target])
    try:
        where, message = blocked(inventory, hosts)
    finally:
        hosts[2].exec(["ip", "route", "del", "unreachable", target])
    assert (where, message) == ("", "TCP to every port finds no route between lab-1 and lab-3")


def test_a_cluster_where_only_ssh_passes_is_one_finding(inventory: Inventory, hosts: tuple[HostControl, ...]) -> None:
    for host in hosts:
        host.drop(source="10.78.0.0/16")
    _, message = blocked(inventory, hosts)
    assert message == "TCP to every port is dropped between all hosts: nothing but SSH passes"


def test_a_path_that_loses_jumbo_frames_is_named_as_such(inventory: Inventory, hosts: tuple[HostControl, ...]) -> None:
    hosts[1].fabric_mtu(1500)
    where, message = blocked(inventory, hosts)
    assert where == "lab-2"
    assert message.startswith("large packets are lost from lab-2 to all others")


def test_what_listens_already_is_connected_to_and_no_fault(
    inventory: Inventory, hosts: tuple[HostControl, ...]
) -> None:
    program = (
        f"import socket, time; s = socket.create_server(('0.0.0.0', {PORT})); print('up', flush=True); time.sleep(60)"
    )
    with Stranger(hosts[1], program):
        assert up(inventory)[0].exit_code == 0


def test_a_host_left_out_takes_no_part_and_skip_leaves_all_out(
    inventory: Inventory, hosts: tuple[HostControl, ...]
) -> None:
    hosts[2].drop(source="10.78.0.0/16")
    report, said = up(inventory, limit=["lab-1", "lab-2"])
    assert (report.exit_code, said[0][:37]) == (0, "network proof: 25 of 25 connections b")
    report, said = up(inventory, skip=["network"])
    assert (report.exit_code, said) == (0, [])


@pytest.mark.parametrize("cancelled", [False, True], ids=["to its end", "broken off"])
def test_nothing_of_the_proof_listens_afterwards(
    inventory: Inventory, hosts: tuple[HostControl, ...], cancelled: bool
) -> None:
    cancel = threading.Event()
    if cancelled:
        hosts[0].drop(PORT)  # so that it is still waiting when it is broken off
        threading.Timer(2, cancel.set).start()
    report, _ = up(inventory, cancel=cancel)
    assert (report.exit_code, untouched(hosts)) == ((1, True) if cancelled else (0, False))
    hosts[0].allow()
    for host in hosts:
        with pytest.raises(OSError), socket.create_connection((host.fabric_address, PORT), 2):
            pass


def test_up_of_ray_and_vllm_stops_before_it_starts_or_uses_anything(
    lab: Lab, hosts: tuple[HostControl, ...], inventory: Inventory
) -> None:
    folder = inventory.path.parent
    index = Index(folder / "index")
    for name in ("ray", "vllm"):
        index.add(name, "2.0")
    inventory.path.write_text(
        f"{lab.inventory.read_text()}\n"
        f"python: {{version: '3.11', packages: [ray, vllm], index: '{index.url}', wheels: controller}}\n"
    )
    hosts[1].drop(PORT, source=hosts[0].fabric_address)
    command = [str(Path(sys.executable).parent / "provision"), "up", str(inventory.path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1, done.stdout
    assert f"TCP to port {PORT} (Ray's workers) is dropped from lab-1 to lab-2" in done.stderr + done.stdout
    for host in hosts:
        # An environment may have been built meanwhile: a folder that nothing uses, and nothing else.
        found = host.exec(["sh", "-c", "cd /home/ops/.provision && ls -A . envs"]).stdout.split()
        assert set(found) <= {".:", "bin", "envs", "envs:", ".lock", *(name for name in found if len(name) == 12)}, (
            found
        )
        assert host.exec(["sh", "-c", "grep -ls raylet /proc/[0-9]*/comm"]).stdout == ""


def test_check_network_shows_who_reaches_whom(inventory: Inventory, lab: Lab, hosts: tuple[HostControl, ...]) -> None:
    hosts[1].drop(PORT, source=hosts[0].fabric_address)
    done = check(inventory)
    assert done.returncode == 3, done.stdout
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith("  from lab-")]
    assert [row[:2] for row in rows] == [["from", "lab-1"], ["from", "lab-2"], ["from", "lab-3"]]
    assert rows[0][2:5] == ["·", "dropped", str(PORT)]
    assert f"blocks: lab-2: TCP to port {PORT} (Ray's workers) is dropped from lab-1 to lab-2" in done.stdout
    hosts[1].allow()
    assert not [line for line in check(inventory).stdout.splitlines() if "TCP to" in line]


def check(inventory: Inventory, *options: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "provision"), "check", str(inventory.path), "--prove", *options]
    return subprocess.run([*command, "--only", "network"], capture_output=True, text=True, timeout=60, check=False)


class Stranger:
    """A program of somebody else on a host, while the block lasts."""

    def __init__(self, host: HostControl, program: str) -> None:
        self._host, self._program = host, program

    def __enter__(self) -> None:
        start = f'setsid python3 -c "{self._program}" > /tmp/stranger 2>&1 & echo $! > /tmp/stranger.pid'
        self._host.exec(["sh", "-c", start])
        assert wait_until(lambda: "up" in self._host.exec(["cat", "/tmp/stranger"]).stdout)

    def __exit__(self, *_: object) -> None:
        self._host.exec(["sh", "-c", "kill $(cat /tmp/stranger.pid)"])
