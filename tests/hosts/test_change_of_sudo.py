"""An inventory whose `sudo` is changed between two `up`s, on two lab hosts: what was made before is told, and the hint
takes it away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from standin_stack import PACKAGES, write_wheels

from provision.cluster.other_way import FACT
from provision.lab.lab import Lab
from provision.lab.tiny_model import write_tiny_model

pytestmark = [pytest.mark.hosts, pytest.mark.long, pytest.mark.needs("lab")]

PROVISION = Path(sys.executable).with_name("provision")
HOSTS = ("lab-1", "lab-2")


class Controller:
    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab, self.folder = lab, folder
        self.inventory = folder / "inventory.yaml"
        write_wheels(folder / "wheels")
        write_tiny_model(folder / "model")

    def provision(self, *words: str, sudo: bool) -> subprocess.CompletedProcess[str]:
        command, *more = words
        written = yaml.safe_load(self.lab.inventory.read_text()) | {
            "cluster": "changed",
            "sudo": sudo,
            "python": {
                "version": "3.11",
                "packages": PACKAGES,
                "find_links": [str(self.folder / "wheels")],
                "wheels": "controller",
                "compile": False,
            },
            "serve": {
                "model": "/srv/models/tiny" if sudo else "/home/ops/models/tiny",
                "weights": {"source": "controller", "path": str(self.folder / "model")},
                "ready_timeout": 60,
            },
        }
        self.inventory.write_text(yaml.safe_dump(written))
        environment = {**os.environ, "PROVISION_STATE_DIR": str(self.folder / "state")}
        command_line = [PROVISION, command, self.inventory, *more]
        return subprocess.run(
            command_line, env=environment, capture_output=True, text=True, timeout=600, check=False
        )  # fmt: skip

    def done(self, *words: str, sudo: bool) -> None:
        done = self.provision(*words, sudo=sudo)
        assert done.returncode == 0, done.stdout + done.stderr

    def told(self, *, sudo: bool) -> list[dict[str, str]]:
        said = self.provision("check", "--json", sudo=sudo).stdout.splitlines()[-1]
        return [found for found in json.loads(said)["report"]["findings"] if found["fact"] == FACT]

    def on(self, host: str, command: str) -> str:
        done = self.lab.host(host).exec(["sh", "-c", command], timeout=60)
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    lab = Lab(name=f"test-change-{os.getpid()}")
    lab.down()
    try:
        lab.up(2, 1)
        yield Controller(lab, tmp_path_factory.mktemp("changed"))
    finally:
        lab.down()


def test_what_was_made_without_sudo_is_told_before_and_after_the_up_with_it(controller: Controller) -> None:
    controller.done("up", sudo=False)
    assert controller.told(sudo=False) == []
    before = controller.told(sudo=True)
    assert [found["host"] for found in before] == list(HOSTS)
    assert "services that run (ray, vllm), keys and logs of services, an environment" in before[0]["message"]
    controller.done("up", sudo=True)
    after = controller.told(sudo=True)
    assert {found["severity"] for found in after} == {"warning"}
    assert "services that run" not in after[0]["message"], "`up` has ended them"
    # As the hint says.
    controller.done("down", sudo=True)
    controller.done("down", "--purge", sudo=False)
    for host in HOSTS:
        assert "/home/ops/.provision/" not in controller.on(host, "find /home/ops/.provision -type f")
    controller.done("up", sudo=True)
    assert controller.told(sudo=True) == []


def test_what_runs_with_sudo_blocks_an_up_without_it_until_it_is_taken_away(controller: Controller) -> None:
    controller.done("up", sudo=True)
    done = controller.provision("up", sudo=False)
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 1
    assert "lab-1: what `up` made with `sudo` is still there: services that run (ray, vllm), units of systemd" in said
    assert "--purge` with `sudo: true`, then `provision up" in said
    assert "is `taken`" not in said, "of whom the ports are is known"
    assert "ask provision, or stop it" not in said
    controller.done("down", "--purge", sudo=True)
    for host in HOSTS:
        assert controller.on(host, "ls /opt/provision/envs /srv/models/tiny").count("No such file") == 2
    controller.done("up", sudo=False)
    assert controller.told(sudo=False) == []
    controller.done("down", "--purge", sudo=False)
