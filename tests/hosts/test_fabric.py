"""Two interfaces on each host, as most clusters have: which one the nodes talk over is found, and can be said."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from provision.lab import Lab

pytestmark = [
    pytest.mark.hosts,
    pytest.mark.needs("lab"),
]
Report = dict[str, Any]
#: Asks for nothing but the hosts: what is looked at here needs no environment.
PLAYBOOK = """
from provision.checks.judge import judge
from provision.core.playbook import Playbook


def playbook(cluster):
    book = Playbook()
    judge(cluster, book)
    for node in cluster.nodes:
        book.note(f"{node.node_ip} on {node.interface}", host=node.name)
    return book
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    lab = Lab(name=f"test-two-nets-{os.getpid()}")
    try:
        lab.up(hosts=3, gpus=0, init="sshd", fabric=True)
        yield lab
    finally:
        lab.down()


@pytest.fixture
def inventory(lab: Lab, tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(PLAYBOOK)
    path = tmp_path / "inventory.yaml"
    path.write_text(lab.inventory.read_text())
    return path


def spoil(path: Path, **settings: object) -> None:
    said = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**said, **settings}))


def check(path: Path, *options: str) -> tuple[int, Report]:
    command = [str(Path(sys.executable).parent / "provision"), "check", str(path), "--playbook", "mine.py", "--json"]
    environment = {**os.environ, "PROVISION_STATE_DIR": str(path.parent / "state")}
    done = subprocess.run(
        [*command, *options], cwd=path.parent, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, json.loads(done.stdout.splitlines()[-1])["report"]


def of_fact(report: Report, fact: str) -> list[str]:
    """Of each host, in order."""
    return [next(cell["value"] for cell in cells if cell["fact"] == fact) for cells in report["known"].values()]


def findings(report: Report) -> list[tuple[str, str]]:
    return [(f["host"], f["message"]) for f in report["findings"] if f["area"] == "network"]


def test_auto_takes_the_fabric_and_says_nothing_of_it(lab: Lab, inventory: Path) -> None:
    _, report = check(inventory)
    assert of_fact(report, "node address") == [host.fabric for host in lab.status().hosts]
    assert of_fact(report, "interface") == ["eth1"] * 3
    assert findings(report) == []


def test_a_network_in_the_inventory_overrides_it(lab: Lab, inventory: Path) -> None:
    addresses = [host.address for host in lab.status().hosts]
    spoil(inventory, network=f"{addresses[0].rpartition('.')[0]}.0/24")
    _, report = check(inventory)
    assert of_fact(report, "node address") == addresses
    assert of_fact(report, "interface") == ["eth0"] * 3


def test_a_bridge_of_containers_is_not_taken_however_it_is_called(lab: Lab, inventory: Path) -> None:
    """With an address of each host's own in it, and the largest frames of all."""
    for number, host in enumerate(lab.status().hosts, 1):
        for name, network in (("docker0", 17), ("apps", 18)):
            lines = [
                f"link add {name} mtu 9500 type bridge",
                f"link add {name}-v mtu 9500 type veth peer name {name}-w",
                f"link set {name}-w up",
                f"link set {name}-v master {name} up",
                f"address add 172.{network}.0.{number}/16 dev {name}",
                f"link set {name} up",
            ]
            for line in lines:
                done = lab.host(host.name).exec(["ip", *line.split()])
                assert done.returncode == 0, done.stderr
    try:
        _, report = check(inventory)
        assert of_fact(report, "node address") == [host.fabric for host in lab.status().hosts]
    finally:
        for host in lab.status().hosts:
            for name in ("docker0", "apps"):
                lab.host(host.name).exec(["ip", "link", "delete", name])
                lab.host(host.name).exec(["ip", "link", "delete", f"{name}-v"])


def test_a_fabric_cable_that_is_out_is_named_and_nobody_moves(lab: Lab, inventory: Path) -> None:
    lab.host("lab-2").fabric_link(False)
    try:
        code, report = check(inventory)
    finally:
        lab.host("lab-2").fabric_link(True)
    assert code == 3
    assert findings(report) == [("lab-2", "its interface `eth1` is down")]
    assert of_fact(report, "node address") == [host.fabric for host in lab.status().hosts]


def test_networks_that_nothing_sets_apart_are_told_with_the_line_to_write(lab: Lab, inventory: Path) -> None:
    for host in lab.status().hosts:
        assert lab.host(host.name).exec(["ip", "link", "set", "eth1", "mtu", "1500"]).returncode == 0
    try:
        _, report = check(inventory)
    finally:
        for host in lab.status().hosts:
            lab.host(host.name).exec(["ip", "link", "set", "eth1", "mtu", "9000"])
    assert of_fact(report, "node address") == [host.address for host in lab.status().hosts]
    (note,) = (f for f in report["findings"] if f["area"] == "network")
    assert (note["severity"], note["host"]) == ("note", "")
    assert "`network: 10.77." in note["hint"]
    assert len(note["evidence"]) == 2


def test_a_host_outside_the_network_blocks_with_what_it_has(lab: Lab, inventory: Path) -> None:
    spoil(inventory, network="10.99.0.0/16")
    code, report = check(inventory)
    assert code == 3
    assert [host for host, _ in findings(report)] == ["lab-1", "lab-2", "lab-3"]
    assert "it has no address in its network 10.99.0.0/16" in findings(report)[0][1]
