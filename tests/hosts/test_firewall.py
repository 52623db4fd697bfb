"""The rules that `provision firewall` prints, loaded on a host: what they let in, and what they do not."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from provision.lab import Lab, firewall
from provision.lab.state import load

pytestmark = [
    pytest.mark.hosts,
    pytest.mark.needs("lab", "nft"),
]
SERVER = """
import socket, sys, threading
def serve(port):
    server = socket.create_server(("", port))
    while True:
        server.accept()
for port in sys.argv[1:]:
    threading.Thread(target=serve, args=(int(port),)).start()
print("listening", flush=True)
"""
CLIENT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1)"
API, SOME = 8000, 43210


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Three hosts, of which the inventory will have two; the head listens."""
    lab = Lab(name=f"test-firewall-{os.getpid()}")
    try:
        lab.up(hosts=3, gpus=1, init="sshd", fabric=True)
        said = yaml.safe_load(lab.inventory.read_text())
        del said["hosts"]["lab-3"]
        lab.inventory.write_text(yaml.safe_dump({**said, "serve": {"model": "m", "port": API}}))
        listen = f"exec setsid python3 -c '{SERVER}' {API} {SOME} </dev/null >/tmp/said 2>&1 &"
        lab.host("lab-1").exec(["sh", "-c", listen])
        waiting = ["sh", "-c", "n=0; until grep -q listening /tmp/said; do sleep 0.1; n=$((n+1)); [ $n -lt 100 ]; done"]
        assert lab.host("lab-1").exec(waiting).returncode == 0
        yield lab
    finally:
        lab.down()


def printed(lab: Lab, *options: str) -> str:
    command = [str(Path(sys.executable).parent / "provision"), "firewall", str(lab.inventory), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def loaded(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """Twice, as after a change of the inventory."""
    path = tmp_path_factory.mktemp("rules") / "rules.nft"
    path.write_text(printed(lab))
    state = load(lab.directory)
    assert state is not None
    for _ in range(2):
        firewall.in_network(state.hosts[0], ["nft", "-f", str(path)])
    return lab


def reaches(lab: Lab, host: str, address: str, port: int) -> str:
    done = lab.host(host).exec(["python3", "-c", CLIENT, address, str(port)])
    return done.stderr.strip().splitlines()[-1].partition(":")[0] if done.returncode else "yes"


def test_the_rules_name_the_nodes_at_the_addresses_that_were_found(lab: Lab) -> None:
    said = json.loads(printed(lab, "--json"))
    assert said["nodes"] == {name: lab.host(name).fabric_address for name in ("lab-1", "lab-2")}
    assert said["notes"] == []


def test_between_nodes_everything_passes(loaded: Lab) -> None:
    assert reaches(loaded, "lab-2", loaded.host("lab-1").fabric_address, SOME) == "yes"
    assert reaches(loaded, "lab-1", loaded.host("lab-1").fabric_address, SOME) == "yes"
    assert reaches(loaded, "lab-1", loaded.host("lab-2").fabric_address, 22) == "yes"


def test_others_reach_the_api_and_ssh_alone(loaded: Lab) -> None:
    head = loaded.host("lab-1")
    assert reaches(loaded, "lab-3", head.fabric_address, API) == "yes"
    assert reaches(loaded, "lab-3", head.address, 22) == "yes"
    assert reaches(loaded, "lab-3", head.fabric_address, SOME) == "TimeoutError"
    assert reaches(loaded, "lab-3", head.address, SOME) == "TimeoutError"
    assert reaches(loaded, "lab-3", head.address, API) == "TimeoutError"


def test_a_host_that_cannot_be_asked_is_an_error(loaded: Lab) -> None:
    loaded.host("lab-2").kill()
    try:
        command = [str(Path(sys.executable).parent / "provision"), "firewall", str(loaded.inventory)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    finally:
        loaded.host("lab-2").start()
    assert done.returncode == 4
    assert (done.stdout, "lab-2" in done.stderr) == ("", True)


@pytest.mark.needs("ufw")
def test_ufw_takes_the_commands(lab: Lab) -> None:
    commands = printed(lab, "--format", "ufw").replace("ufw allow", "ufw --dry-run allow")
    done = subprocess.run(["sh", "-ec", commands], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert f"-s {lab.host('lab-2').fabric_address} -j ACCEPT" in done.stdout
