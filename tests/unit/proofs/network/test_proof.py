"""Who takes part in a network proof, on which ports, and what is sent to them."""

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from provision.cluster.cluster import Cluster, Node
from provision.core.proof import Shown
from provision.environment.lockfile import Lock
from provision.facts import Facts, PythonFound
from provision.facts.model import Interface
from provision.inventory.models import Host, Inventory, Ray, Serve
from provision.payload.bundle import shell
from provision.proofs.network.proof import NetworkProof, network_proof

LOCK = Lock(Path("a.lock"), "", "3.12", "x86_64-manylinux_2_34", {}, {}, "3f9c" * 16)


def cluster(count: int = 3, *, contacted: int = 99, pythons: str = "3.12", ray: Ray | None = None,
            serve: Serve | None = None) -> Cluster:  # fmt: skip
    nodes = []
    for n in range(1, count + 1):
        role = "head" if n == 1 else "worker"
        address = f"10.0.0.{n}"
        host = Host.model_validate({"name": f"gpu-{n}", "address": address, "role": role, "node_ip": address})
        facts = Facts(
            pythons=(PythonFound(f"/usr/bin/python{pythons}", pythons),) if pythons else (),
            interfaces=(Interface("eth1", (address,), 24, 9000, True),),
        )
        nodes.append(Node(host.model_copy(update={"ray": ray or Ray()}), facts if n <= contacted else None))
    hosts = tuple(node.host for node in nodes)
    return Cluster(Inventory(path=Path("gpus.yaml"), cluster="gpus", hosts=hosts, serve=serve), tuple(nodes), LOCK, {})


def asked(proof: NetworkProof) -> dict[str, Any]:
    return {name: json.loads(str(script.vars["asked"])) for name, script in proof.scripts().items()}


def test_every_host_listens_on_what_ray_and_its_ranks_will_use_and_the_head_on_its_own_port_too() -> None:
    found = asked(network_proof(cluster()))
    assert found["gpu-1"]["ports"] == [6379, *found["gpu-2"]["ports"]]
    assert found["gpu-2"]["ports"] == [
        *(6380, 6381, 6382, 6383, 52365, 6384),
        *(20000, 20499, 20999),
        *(32768, 46883, 60999),
    ]
    assert found["gpu-2"]["peers"]["gpu-1"] == ["10.0.0.1", found["gpu-1"]["ports"], True]


def test_ports_of_the_inventory_are_the_ones_that_are_tried() -> None:
    ray = Ray(port=7000, node_manager_port=7001, min_worker_port=8000, max_worker_port=8001)
    ports = asked(network_proof(cluster(ray=ray)))["gpu-1"]["ports"]
    assert {7000, 7001, 8000, 8001} <= set(ports)
    assert not {6379, 6380, 20000} & set(ports)


def test_without_ray_the_ranks_meet_on_the_master_port_of_the_head() -> None:
    found = asked(network_proof(cluster(serve=Serve(model="m", backend="mp", master_port=29999))))
    assert found["gpu-1"]["ports"] == [29999, 32768, 46883, 60999]
    assert found["gpu-2"]["ports"] == [32768, 46883, 60999]


def test_hosts_that_were_not_contacted_take_no_part_and_one_host_alone_has_nothing_to_show() -> None:
    assert set(asked(network_proof(cluster(3, contacted=2)))["gpu-1"]["peers"]) == {"gpu-2"}
    alone = network_proof(cluster(3, contacted=1))
    assert (dict(alone.scripts()), alone.read({}, {})) == ({}, Shown())


@pytest.mark.parametrize("pythons", ["", "3.6"])
def test_a_host_without_a_python_that_will_do_runs_nothing(pythons: str) -> None:
    assert dict(network_proof(cluster(pythons=pythons)).scripts()) == {}


def test_root_does_not_run_a_python_of_the_user_who_logged_in() -> None:
    made = cluster()
    facts = Facts(
        pythons=(PythonFound("/home/ubuntu/bin/python3.12", "3.12"), PythonFound("/usr/bin/python3.11", "3.11"))
    )
    facts = replace(facts, login_home="/home/ubuntu")
    nodes = tuple(Node(node.host.model_copy(update={"sudo": True}), facts) for node in made.nodes)
    scripts = network_proof(replace(made, nodes=nodes)).scripts()
    assert {script.vars["python"] for script in scripts.values()} == {"/usr/bin/python3.11"}


def test_the_key_is_drawn_anew_and_comes_of_nothing_that_could_be_guessed() -> None:
    one, two = network_proof(cluster()), network_proof(cluster())
    assert one == two
    assert one.key != two.key
    assert one.key not in repr(one)
    assert len(bytes.fromhex(one.key)) == 32


@pytest.mark.needs("root")
@pytest.mark.parametrize(("mode", "runs"), [(0o755, True), (0o777, False)])
def test_root_runs_no_python_that_others_could_change(mode: int, runs: bool, tmp_path: Path) -> None:
    (folder := tmp_path / "bin").mkdir()
    (python := folder / "python3").write_text("#!/bin/sh\ncat > /dev/null; echo ran\n")
    python.chmod(0o755)
    folder.chmod(mode)
    given = {"PATH": os.defpath, "python": str(python), "program": "", "asked": ""}
    text = shell("files/trust.sh", "network/run.sh")
    done = subprocess.run(["sh", "-c", text], env=given, capture_output=True, text=True, check=False)
    assert (done.stdout == "ran\n") is runs
    assert (done.returncode, "which others could change" in done.stderr) == ((0, False) if runs else (1, True))
