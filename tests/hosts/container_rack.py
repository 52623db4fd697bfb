"""Two lab hosts with real Docker or Podman, and an inventory that runs the stand-in stack in containers there."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from standin_image import write_standin_image

from provision.lab.lab import Lab

PROVISION = Path(sys.executable).with_name("provision")
KEY = "sk-canary-4f1d2c-container"
HOSTS = ("lab-1", "lab-2")

#: For a test of what only one of them has.
DOCKER = pytest.mark.parametrize("rack", ["docker"], indirect=True)
PODMAN = pytest.mark.parametrize("rack", ["podman"], indirect=True)

#: What each keeps of its containers, and what a host has of NVIDIA's toolkit.
KEPT = {
    "docker": "/var/lib/docker/containers/*/*.json",
    "podman": "/var/lib/containers/overlay-containers/*.json /var/lib/containers/overlay-containers/*/userdata/*.json",
}
TOOLKIT = {"docker": "/usr/bin/nvidia-container-runtime-hook", "podman": "/etc/cdi/nvidia.yaml"}


class Rack:
    """Two hosts with Docker or Podman, an inventory, and the image beside it."""

    def __init__(self, lab: Lab, folder: Path, engine: str) -> None:
        self.lab, self.folder, self.engine = lab, folder, engine
        self.inventory = folder / "inventory.yaml"
        self.digest = write_standin_image(lab, folder / "standin.tar", folder / "made-of")
        self.write(sudo=True)

    def write(self, **settings: object) -> None:
        written = yaml.safe_load(self.lab.inventory.read_text())
        written |= {
            "runtime": {"container": self.engine, "image": "./standin.tar"},
            "serve": {"model": "/usr/share/common-licenses", "name": "tiny", "ready_timeout": 600},
            "secrets": {"VLLM_API_KEY": {"env": "KEY"}},
            **settings,
        }
        self.inventory.write_text(yaml.safe_dump(written))

    def provision(self, *words: str) -> subprocess.CompletedProcess[str]:
        command, *more = words
        environment = {**os.environ, "KEY": KEY, "XDG_STATE_HOME": str(self.folder / "state")}
        return subprocess.run(
            [PROVISION, command, self.inventory, *more],
            env=environment,
            capture_output=True,
            text=True,
            timeout=1200,
            check=False,
        )

    def up(self) -> str:
        done = self.provision("up")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def findings(self) -> list[str]:
        return [entry["message"] for entry in self._checked()["findings"] if entry["severity"] != "warning"]

    def _checked(self) -> dict[str, list[dict[str, str]]]:
        done = self.provision("check", "--json")
        found: dict[str, list[dict[str, str]]] = json.loads(done.stdout.splitlines()[-1])["report"]
        return found

    def on(self, host: str, command: str) -> str:
        """What `command` prints there, in which `$engine` is what runs containers."""
        # A busy machine takes minutes to load an image.
        done = self.lab.host(host).exec(["sh", "-c", f"engine={self.engine}; {command}"], timeout=600)
        return done.stdout + done.stderr

    def in_sync(self) -> bool:
        return self.provision("check").returncode == 0


@contextlib.contextmanager
def docker_here(rack: Rack, folder: Path, host: str) -> Iterator[None]:
    """With Docker's client on the controller, for the daemon of `host`. `folder`: an empty one, for the client."""
    client = shutil.which("docker")
    if client is None:
        base = next(path for path in sorted(rack.lab.root.glob("base-*")) if (path / "usr/sbin/dockerd").exists())
        client = str(base / "usr/bin/docker")
    (folder / "docker").symlink_to(client)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        patch.setenv("DOCKER_HOST", f"unix:///proc/{rack.lab.host(host).pid}/root/run/docker.sock")
        yield


def soon(what: Callable[[], bool], seconds: float = 90) -> bool:
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(1)
    return True
