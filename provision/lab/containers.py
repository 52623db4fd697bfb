"""What a lab's hosts need to run containers: the daemon's package and settings, room of their own, GPUs inside."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Literal

from provision.lab.base import USER
from provision.lab.hostfiles import open_folders, put
from provision.lab.state import LabState

Containers = Literal["", "docker"]

#: What runs containers → the package that has it.
PACKAGES: dict[Containers, tuple[str, ...]] = {"": (), "docker": ("docker.io",)}

#: Docker's layers are overlays, and the kernel takes no overlay for the upper layer of another: it gets a folder of the
#: machine's own file system.
STORAGE = "/var/lib/docker"

#: Containers have the host's network, so no bridge; cgroups are made by hand, where systemd is not the machine's own.
DAEMON = {"bridge": "none", "iptables": False, "exec-opts": ["native.cgroupdriver=cgroupfs"]}

#: By this name Docker finds NVIDIA's toolkit when it starts, and calls it before a container with `--gpus` begins.
HOOK = "usr/bin/nvidia-container-runtime-hook"


def write(state: LabState, common: Path, base: Path) -> None:
    """The files that the hosts have in common, and each one's room. The user may use Docker."""
    (common / STORAGE.lstrip("/")).mkdir(parents=True)
    put(common / "etc/docker/daemon.json", json.dumps(DAEMON))
    put(common / HOOK, files("provision.lab").joinpath("stand_in_toolkit.sh").read_text(), 0o755)
    groups = (base / "etc/group").read_text().splitlines()
    lines = [f"{line}{USER}" if line.startswith("docker:") else line for line in groups]
    put(common / "etc/group", "".join(f"{line}\n" for line in lines))
    for below in ("etc", "var"):
        open_folders(common / below)
    for host in state.hosts:
        _room(Path(host.directory)).mkdir(mode=0o711)


def folders(host: Path) -> dict[str, str]:
    """Place on the host → the folder of this machine that it is. `host`: the host's own folder here."""
    return {STORAGE: str(_room(host))} if _room(host).is_dir() else {}


def _room(host: Path) -> Path:
    return host / "storage"
