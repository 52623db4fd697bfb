"""What a lab writes for people and programs: inventory, known hosts, GPU files."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from provision.lab.access import inventory, known_hosts
from provision.lab.gpus import Gpus, of_host, parse
from provision.lab.state import Cgroup, HostState, LabState, load

STATE = LabState(
    name="small",
    mode="loopback",
    hosts=(HostState("lab-1", "127.0.0.2", "/labs/a"), HostState("lab-2", "127.0.0.3", "/labs/b")),
    gpus=4,
    port=21000,
    user="ann",
)


def test_the_inventory_is_yaml_whatever_the_settings_hold():
    settings = {
        "python": {"packages": ["ray[default]==2.60.0", "a #b: c"], "overrides": ()},
        "serve": {"model": Path("/m o/del"), "args": {"max-model-len": 256, "enforce-eager": True}, "env": {}},
        "secrets": {"HF_TOKEN": {"env": "HF_TOKEN"}},
    }
    said = yaml.safe_load(inventory(STATE, Path("/labs"), settings))
    assert said["serve"] == {
        "model": "/m o/del",
        "args": {"max-model-len": 256, "enforce-eager": True},
        "env": {},
    }
    assert said["python"] == {"packages": ["ray[default]==2.60.0", "a #b: c"], "overrides": []}
    assert said["secrets"] == {"HF_TOKEN": {"env": "HF_TOKEN"}}


def test_the_first_host_is_the_head_and_all_are_reached_with_the_labs_key():
    said = yaml.safe_load(inventory(STATE, Path("/labs"), {}))
    assert said["ssh"] == {"user": "ann", "port": 21000, "key": "/labs/key", "known_hosts": "/labs/known_hosts"}
    assert said["hosts"]["lab-1"] == {"address": "127.0.0.2", "role": "head", "node_ip": "127.0.0.2"}
    assert said["hosts"]["lab-2"]["role"] == "worker"
    assert said["expect"]["gpus"] == 4


def test_hosts_with_a_fabric_leave_open_which_address_the_others_talk_to():
    hosts = tuple(replace(host, fabric_address=f"10.78.1.{n}") for n, host in enumerate(STATE.hosts, 11))
    said = yaml.safe_load(inventory(replace(STATE, hosts=hosts), Path("/labs"), {}))
    assert said["hosts"]["lab-1"] == {"address": "127.0.0.2", "role": "head"}


def test_settings_win_over_what_the_lab_would_write():
    assert yaml.safe_load(inventory(STATE, Path("/labs"), {"expect": {"gpus": 1}}))["expect"] == {"gpus": 1}


def test_known_hosts_names_the_port_unless_it_is_22():
    lines = known_hosts([("10.0.0.1", 22, "ssh-ed25519 AAAA lab-1"), ("127.0.0.2", 2200, "ssh-ed25519 BBBB x")])
    assert lines == "10.0.0.1 ssh-ed25519 AAAA\n[127.0.0.2]:2200 ssh-ed25519 BBBB\n"


@pytest.mark.parametrize(
    "gpus",
    [
        Gpus(),
        replace(Gpus(), fault="two\nlines=x", hang=True, exit=18),
        replace(Gpus(), cells=(("*", "power.limit", "350.00 W"),), apps=((7, 0, 512, "python x=y"),)),
        of_host("lab", "lab-2", 0),
    ],
)
def test_a_gpu_file_reads_back_as_it_was_written(gpus):
    assert parse(gpus.text()) == gpus


def test_hosts_have_gpus_with_seeds_of_their_own():
    assert of_host("lab", "lab-1", 2).seed != of_host("lab", "lab-2", 2).seed != of_host("other", "lab-2", 2).seed


def test_a_labs_state_reads_back_as_it_was_written(tmp_path):
    host = HostState("lab-1", "10.77.1.11", "/labs/a", "pl0v1", (Cgroup("/sys/fs/cgroup/h", "", ""),))
    state = replace(STATE, hosts=(host,), rules=(("FORWARD", "-j", "ACCEPT"),), notes=("a",), complete=True)
    assert load(tmp_path) is None
    state.save(tmp_path)
    assert load(tmp_path) == state


def test_the_state_of_a_lab_made_before_there_were_fabrics_can_still_be_read(tmp_path):
    STATE.save(tmp_path)
    path = tmp_path / "state.json"
    said = json.loads(path.read_text())
    for entry in (said, *said["hosts"]):
        for key in [key for key in entry if key.startswith("fabric")]:
            del entry[key]
    path.write_text(json.dumps(said))
    assert load(tmp_path) == STATE


def test_the_state_of_another_version_can_still_be_read(tmp_path):
    STATE.save(tmp_path)
    path = tmp_path / "state.json"
    path.write_text(path.read_text().replace('"name": "small"', '"name": "small", "later": 1'))
    assert load(tmp_path) == STATE
