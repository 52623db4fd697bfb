"""Over a cluster that an earlier version has put there, `up` goes on and `down` clears away, with and without sudo.

The earlier version is a commit of this repository, from its history. Ray and vLLM are stand-ins.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from standin_stack import PACKAGES, write_wheels

from provision.lab.lab import Lab
from provision.lab.tiny_model import write_tiny_model

pytestmark = [pytest.mark.hosts, pytest.mark.needs("lab")]

#: Services ran as whoever logs in, with folders and stamps of that user's, and units that were not enabled.
EARLIER = "e159591"
#: There is no `python -m provision` in it.
MAIN = "import provision.cli; provision.cli.main()"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree of that version."""
    archive = ["git", "-C", ROOT, "archive", EARLIER, "provision", "playbooks"]
    done = subprocess.run(archive, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"the history of the repository is not here: {done.stderr.decode().strip()}")
    folder = tmp_path_factory.mktemp("earlier")
    subprocess.run(["tar", "-x", "-C", folder], input=done.stdout, check=True)
    return folder


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    lab = Lab(name=f"test-earlier-{os.getpid()}")
    # More GPUs than the model takes, so that nobody looks for ranks in the log of a stand-in.
    lab.up(2, 2)
    yield lab
    lab.down()


class Cluster:
    """An inventory that both versions read, and a person who uses the one or the other."""

    def __init__(self, lab: Lab, folder: Path, earlier: Path, *, sudo: bool, hosts: int) -> None:
        self.lab, self.earlier, self.folder = lab, earlier, folder
        self.hosts = tuple(f"lab-{index + 1}" for index in range(hosts))
        self.name = f"before{'-sudo' if sudo else ''}"
        write_wheels(folder / "wheels")
        write_tiny_model(folder / "model")
        settings: dict[str, Any] = yaml.safe_load(lab.inventory.read_text())
        settings |= {
            "cluster": self.name,
            "sudo": sudo,
            "hosts": {name: host for name, host in settings["hosts"].items() if name in self.hosts},
            "python": {
                "version": "3.11",
                "packages": PACKAGES,
                "find_links": [str(folder / "wheels")],
                "wheels": "controller",
                "compile": False,
            },
            "secrets": {"VLLM_API_KEY": {"env": "VLLM_API_KEY"}},
            "serve": {
                "model": "/srv/models/tiny" if sudo else "/home/ops/models/tiny",
                "weights": {"source": "controller", "path": str(folder / "model")},
                "ready_timeout": 60,
            },
        }
        (folder / "inventory.yaml").write_text(json.dumps(settings))

    def before(self) -> None:
        """`up`, by the earlier version; its own playbooks it would look for where this one is installed."""
        self.provision("up", "--playbook", str(self.earlier / "playbooks" / "vllm_ray.py"), at=self.earlier)

    def provision(self, *arguments: str, at: Path = ROOT, code: int | None = 0) -> list[dict[str, Any]]:
        """The events of a run of the version `at` a folder."""
        command, *options = arguments
        environment = {
            **os.environ,
            "PROVISION_STATE_DIR": str(self.folder / "state"),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "VLLM_API_KEY": "key-of-before-31c0",
            "PYTHONPATH": str(at),
        }
        done = subprocess.run(
            [sys.executable, "-c", MAIN, command, str(self.folder / "inventory.yaml"), "--json", *options],
            env=environment, cwd=self.folder, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert code is None or done.returncode == code, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]

    def do_as_told(self) -> None:
        """What `plan` refuses, with commands to type: they are typed, and that is all that it takes."""
        for _ in range(3):
            report = self.provision("plan", code=None)[-1]["report"]
            blockers = report["plan"]["blockers"]
            if not blockers:
                return
            for blocker in blockers:
                command = re.search("`(sudo [^`]+)`", blocker["hint"])
                assert command, blocker
                self.said(blocker["host"], command[1])
        raise AssertionError(blockers)

    def changed(self, *arguments: str) -> list[tuple[str, str]]:
        return [(e["host"], e["label"]) for e in self.provision(*arguments) if e["event"] == "step-done"]

    def said(self, host: str, command: str) -> str:
        return self.lab.host(host).exec(["sh", "-c", command]).stdout.strip()

    def processes(self) -> dict[str, str]:
        """Host → command and user of whatever runs from an environment."""
        listing = "ps -eo user:16=,args= | grep '[/]envs/' || true"
        return {host: self.said(host, listing) for host in self.hosts}

    def left(self) -> dict[str, str]:
        """What is still there of a cluster, but for environments and weights."""
        find = f"find /opt/provision/clusters /home/ops/.provision/clusters -path '*{self.name}*' -type f 2>/dev/null;"
        units = (
            f"find /etc/systemd /run/systemd/system -name 'provision-{self.name}*'; ls -d /tmp/provision-* 2>/dev/null"
        )
        return {host: self.said(host, f"{find} {units}; true") + self.processes()[host] for host in self.hosts}


def nothing(cluster: Cluster) -> dict[str, str]:
    return dict.fromkeys(cluster.hosts, "")


def test_up_takes_it_over_and_down_clears_it_away(lab: Lab, earlier: Path, tmp_path: Path) -> None:
    cluster = Cluster(lab, tmp_path, earlier, sudo=True, hosts=1)
    try:
        cluster.before()
        assert "ops " in cluster.processes()["lab-1"]
        cluster.do_as_told()
        assert ("lab-1", "vLLM") in cluster.changed("up")
        assert "ops " not in cluster.processes()["lab-1"]
        assert cluster.changed("up") == []
        cluster.provision("check")
    finally:
        cluster.provision("down", "--purge", code=None)
    assert cluster.left() == nothing(cluster)


@pytest.mark.long
@pytest.mark.parametrize("first", ["up", "down"])
@pytest.mark.parametrize("sudo", [False, True], ids=["user", "sudo"])
def test_every_kind_of_it(lab: Lab, earlier: Path, tmp_path: Path, sudo: bool, first: str) -> None:
    cluster = Cluster(lab, tmp_path, earlier, sudo=sudo, hosts=2)
    try:
        cluster.before()
        assert all(cluster.processes().values())
        if first == "up":
            cluster.do_as_told()
            assert cluster.changed("up")
            assert cluster.changed("up") == []
            cluster.provision("check")
        assert cluster.changed("down")
        assert cluster.left() == nothing(cluster)
        assert cluster.changed("down") == []
    finally:
        cluster.provision("down", "--purge", code=None)
