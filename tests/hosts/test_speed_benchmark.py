"""`python -m benchmarks` in a small form, so that it does what its document says when somebody wants its figures."""

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest

from benchmarks.rack import Rack

pytestmark = pytest.mark.hosts
PROJECT = Path(__file__).parents[2]


def test_it_measures_every_way_and_writes_and_draws_the_figures(tmp_path: Path) -> None:
    figures, picture = tmp_path / "speed.json", tmp_path / "speed.svg"
    words = ["--hosts", "1", "--rounds", "1", "--no-others", "--json", str(figures), "--plot", str(picture)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *words], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    measured = json.loads(figures.read_text())["hosts"]["1"]
    bound = measured["one script, paramiko"]
    for name in ("provision check", "provision up, no change"):
        assert measured[name]["ratio"] == pytest.approx(measured[name]["wall"] / bound["wall"])
        assert name in done.stdout
    drawn = [text.text for text in xml.parse(picture).iter("{http://www.w3.org/2000/svg}text")]
    assert {*measured} <= {*drawn}


@pytest.mark.needs("root")
def test_hosts_have_a_service_that_init_systems_are_asked_for(tmp_path: Path) -> None:
    with Rack(tmp_path / "rack", 2) as rack:
        for number in range(2):
            (rack.own(number) / "ray").mkdir(parents=True)
        (rack.own(0) / "ray/stamp").write_text(f"start=1\npid={os.getpid()}\n")
        (rack.own(1) / "ray/stamp").write_text("start=1\npid=4194305\n")
        for command in ("/etc/init.d/ray status", "env -i PATH=/bin:/usr/bin /etc/init.d/ray status; :"):
            said = [over_ssh(rack, number, command) for number in range(2)]
            assert said == ["ray is running\n", "ray is stopped\n"]
    assert not Path("/etc/init.d/.stamps").exists(), "this machine has its own"


def over_ssh(rack: Rack, number: int, command: str) -> str:
    spec = rack.spec("", "")
    options = ["-F", "/dev/null", "-o", f"UserKnownHostsFile={spec['known_hosts']}", "-i", spec["key"]]
    argv = ["ssh", *options, "-p", str(spec["port"]), f"{spec['user']}@{rack.addresses[number]}", command]
    return subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False).stdout
