"""What a lab's hosts need to run containers: the engine's package and settings, room of its own, GPUs inside."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from provision.lab import gpus
from provision.lab.base import USER, USER_ID
from provision.lab.hostfiles import open_folders, put
from provision.lab.state import Containers, LabState

#: Containers have the host's network, so no bridge; cgroups are made by hand, where systemd is not the machine's own.
DAEMON = {"bridge": "none", "iptables": False, "exec-opts": ["native.cgroupdriver=cgroupfs"]}

#: By this name Docker finds NVIDIA's toolkit when it starts, and calls it before a container with `--gpus` begins.
HOOK = "usr/bin/nvidia-container-runtime-hook"

#: The same for Podman. crun refuses a machine with both versions of control groups where the second has any of the
#: controllers, as many have.
PODMAN = {
    "engine": {"cgroup_manager": "cgroupfs", "events_logger": "file", "runtime": "runc"},
    "containers": {"cgroups": "no-conmon"},
}
PODMAN_STORAGE = {"driver": "overlay", "runroot": "/run/containers/storage"}

#: Where the user's own Podman keeps layers, below root's: that user's home is an overlay.
ROOTLESS = "rootless"


@dataclass(frozen=True)
class LabEngine:
    """`packages`: who has it; `program`: by which a base is known that has it. `storage`: where it keeps layers, which
    are overlays: as the kernel takes none for the upper layer of another, it is a folder of the machine's own file
    system. `write`: its settings, into the folder that hosts have in common; the base is beside it."""

    packages: tuple[str, ...]
    program: str
    storage: str
    write: Callable[[Path, Path], None]


def _docker(common: Path, base: Path) -> None:
    """The user may use it."""
    put(common / "etc/docker/daemon.json", json.dumps(DAEMON))
    put(common / HOOK, files("provision.lab").joinpath("stand_in_toolkit.sh").read_text(), 0o755)
    groups = (base / "etc/group").read_text().splitlines()
    lines = [f"{line}{USER}" if line.startswith("docker:") else line for line in groups]
    put(common / "etc/group", "".join(f"{line}\n" for line in lines))


def _podman(common: Path, _: Path) -> None:
    """A host's root may raise no limit of this machine's, as Podman would."""
    processes = min(resource.getrlimit(resource.RLIMIT_NPROC)[1], int(Path("/proc/sys/kernel/pid_max").read_text()))
    opened = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    limits = [f"nofile={opened}:{opened}", f"nproc={processes}:{processes}"]
    containers = {**PODMAN["containers"], "default_ulimits": limits}
    place = KINDS["podman"].storage
    storage = {**PODMAN_STORAGE, "graphroot": place, "rootless_storage_path": f"{place}/{ROOTLESS}"}
    put(common / "etc/containers/containers.conf", _toml({**PODMAN, "containers": containers}))
    put(common / "etc/containers/storage.conf", _toml({"storage": storage}))
    put(common / "etc/cdi/nvidia.yaml", cdi())


def _toml(tables: Mapping[str, Mapping[str, object]]) -> str:
    """Texts and lists of texts: JSON has them as TOML does."""
    lines = [[f"[{name}]", *(f"{k} = {json.dumps(v)}" for k, v in table.items())] for name, table in tables.items()]
    return "".join(f"{line}\n" for table in lines for line in table)


def cdi() -> str:
    """What `nvidia-ctk cdi generate` writes on a host with GPUs, for the stand-ins of one. JSON is YAML as well."""
    places = ("/usr/bin/nvidia-smi", "/usr/lib/libnvidia-ml.so.1", gpus.CONF)
    mounts = [{"hostPath": place, "containerPath": place, "options": ["ro", "bind"]} for place in places]
    devices = [{"name": "all", "containerEdits": {"mounts": mounts}}]
    return json.dumps({"cdiVersion": "0.3.0", "kind": "nvidia.com/gpu", "devices": devices}, indent=1)


KINDS: dict[Containers, LabEngine] = {
    "docker": LabEngine(("docker.io",), "usr/sbin/dockerd", "/var/lib/docker", _docker),
    # debootstrap knows no virtual packages, as the network's is that Podman depends on.
    "podman": LabEngine(("podman", "runc", "netavark", "uidmap"), "usr/bin/podman", "/var/lib/containers", _podman),
}

#: What runs containers → the packages that have it.
PACKAGES: dict[Containers, tuple[str, ...]] = {"": (), **{name: kind.packages for name, kind in KINDS.items()}}


def write(state: LabState, common: Path, base: Path) -> None:
    """The files that the hosts have in common, and each one's room."""
    kind = KINDS[state.containers]
    (common / kind.storage.lstrip("/")).mkdir(parents=True)
    kind.write(common, base)
    for below in ("etc", "var"):
        open_folders(common / below)
    for host in state.hosts:
        room = _room(Path(host.directory))
        room.mkdir(mode=0o711)
        if kind is KINDS["podman"]:
            (room / ROOTLESS).mkdir(mode=0o700)
            os.chown(room / ROOTLESS, USER_ID, USER_ID)


def folders(host: Path, containers: Containers) -> dict[str, str]:
    """Place on the host → the folder of this machine that it is. `host`: the host's own folder here."""
    return {KINDS[containers].storage: str(_room(host))} if containers else {}


def _room(host: Path) -> Path:
    return host / "storage"
