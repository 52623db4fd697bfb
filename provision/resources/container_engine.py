"""What runs containers, and what is different between those that can: what is asked of it, and what leads out."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from provision.core.values import dataclass

#: What NVIDIA's files for CDI call all GPUs of a host.
CDI = "nvidia.com/gpu"


@dataclass(frozen=True)
class ContainerEngine:
    """`shell`: the file of payload/container that asks it. `daemon`: whether that makes containers, and not its client.
    `gpus`: of its `run`, so that a container has the host's; `cdi`: by the names of CDI. `flags`: beside those that all
    have. `hints`: what to do on a host, by the beginning of what the probe says; `alike`: what undoes a difference
    between hosts; `elsewhere`: what has it unpack in another place what it loads. A daemon unpacks all of that, also
    layers that are there already."""

    name: str
    shell: str
    daemon: bool
    cdi: bool
    gpus: tuple[str, ...]
    hints: Mapping[str, str]
    alike: Mapping[str, str]
    elsewhere: str
    flags: tuple[str, ...] = ()


_GENERATE = "run `sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml` on {host}"

DOCKER = ContainerEngine(
    name="docker",
    shell="container/docker.sh",
    daemon=True,
    cdi=False,
    gpus=("--gpus", "all"),
    hints=MappingProxyType({
        "engine=is not": "install it on {host}, or leave `runtime` out",
        "engine=may not": "`sudo usermod -aG docker USER` on {host}, or set `sudo: true`",
        "engine=": "look at why: `systemctl status docker` on {host}",
        "toolkit=has": _GENERATE,
        "toolkit=": "install `nvidia-container-toolkit` on {host}, and restart docker",
    }),
    alike=MappingProxyType({
        "storage": "set `storage-driver` on {host} as on {example} "
        "(/etc/docker/daemon.json): `up` loads the image again",
        "cgroups": "set `native.cgroupdriver` in /etc/docker/daemon.json on {host} as on {example}, and restart docker",
        "toolkit": "install nvidia-container-toolkit {expected} on {host}, as on {example}, and restart docker",
    }),
    elsewhere="set `DOCKER_TMPDIR` for the daemon of {host} to a larger disk: `systemctl edit docker`",
)  # fmt: skip

PODMAN = ContainerEngine(
    name="podman",
    shell="container/podman.sh",
    daemon=False,
    cdi=True,
    gpus=("--device", f"{CDI}=all"),
    hints=MappingProxyType({
        "engine=is not": "install it on {host}, or leave `runtime` out",
        "engine=is ": "install a newer one on {host}",
        "engine=would be rootless, and end": "`sudo loginctl enable-linger USER` on {host}, for the user who logs in, "
        "or set `sudo: true`",
        "engine=would be rootless, and new": "install `uidmap` (Debian, Ubuntu) or `shadow-utils` on {host}, or "
        "set `sudo: true`",
        "engine=would be rootless, and": "`sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER` "
        "on {host}, with ids that no other user has, then `podman system migrate`; or set `sudo: true`",
        "engine=would": "have provision log in to {host} as root of the machine itself",
        "engine=": "look at why on {host}: `podman info`, with sudo where the inventory has it",
        "toolkit=has": f"install `nvidia-container-toolkit` there, and {_GENERATE}",
    }),
    alike=MappingProxyType({
        "storage": "set `driver` on {host} as on {example} "
        "(/etc/containers/storage.conf): `up` loads the image again",
        "cgroups": "set `cgroup_manager` in /etc/containers/containers.conf on {host} as on {example}",
        "toolkit": "install nvidia-container-toolkit {expected} on {host}, as on {example}, "
        "and write its file for CDI anew",
    }),
    elsewhere="set `image_copy_tmp_dir` in containers.conf on {host} to a folder of a larger disk",
    # A proxy that it passes on stands in `podman inspect`, with its password. Where SELinux is on, a container could
    # read nothing of the host's otherwise, and its folders are not provision's to relabel.
    flags=("--http-proxy=false", "--security-opt", "label=disable"),
)  # fmt: skip

ENGINES = {engine.name: engine for engine in (DOCKER, PODMAN)}
