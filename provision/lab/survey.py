"""What the demo looks at before it fetches anything: programs, libraries, room on the disk, the index of packages, and
the Pythons there are."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from provision.core.wording import GIB, size
from provision.environment.cache import check_cache, wheel_cache
from provision.lab import base, containers, loopback, requirements
from provision.lab.command import LabError, run
from provision.lab.fitting import VERSIONS, Fitting, fit, own_platform, reach_index
from provision.lab.ground import Ground
from provision.lab.lab import Lab
from provision.lab.state import Containers

Say = Callable[[str], None]

#: Bytes that the packages take packed and unpacked: measured with vLLM 0.32.0's CPU build, Ray 2.60.0 and torch 2.13.0,
#: in the build for CPUs and in the one for CUDA, and rounded up.
PACKED = {"cpu": 1 * GIB, "cuda": 4 * GIB}
UNPACKED = {"cpu": 2 * GIB, "cuda": 8 * GIB}
#: Bytes of the base system of namespace hosts.
BASE = GIB // 2

#: vLLM does not start with less free (tried with /dev/shm of 64 MiB, as containers have it, and of 168). Hosts on
#: loopback addresses share this machine's; those of namespaces have their own.
SHM = Path("/dev/shm")
SHM_LEAST = 256 << 20


def requires(ground: Ground, lab: Lab, say: Say) -> list[str]:
    """Installs or names what this machine lacks for these hosts; the packages that were installed. Raises LabError."""
    if ground.mode == "loopback":
        loopback.login()
    check_cache()
    # Which packages there are is not known yet: this much is needed of any.
    room(needed(ground, lab, hosts=1, build="cpu"))
    loopback_needs = (*requirements.LOOPBACK, *requirements.VLLM_LIBRARIES)
    programs = requirements.NAMESPACES if ground.mode == "namespaces" else loopback_needs
    # What a person has to install is said before the first byte, and nothing is installed for an index that is silent.
    requirements.installable(programs)
    reach_index()
    return requirements.ensure(programs, say)


def choose(ground: Ground, lab: Lab, *, hosts: int, wheels: Path, say: Say, kind: Containers = "") -> Fitting:
    """The Python of these hosts, and packages for it. Makes the base of namespace hosts. Raises LabError."""
    if ground.mode == "namespaces":
        folder = base.ensure(lab.root, say, containers.PACKAGES[kind])
        versions = [base.python_version(folder)]
        found = fit(versions, f"{os.uname().machine}-manylinux_2_34", wheels, say)
    else:
        found = fit(pythons(), own_platform(), wheels, say)
    room(needed(ground, lab, hosts=hosts, build="cuda" if found.torch_from == "index" else "cpu"))
    return found


def pythons(path: str = loopback.PATH) -> list[str]:
    """The versions that vLLM's CPU build runs on and loopback hosts have, `python3` first. Raises LabError."""
    there = [version for version in VERSIONS if shutil.which(f"python{version}", path=path)]
    own = shutil.which("python3", path=path)
    first = re.findall(r"^Python (\d+\.\d+)", run([own, "-V"], check=False).stdout) if own else []
    found = sorted(there, key=lambda version: [version] != first)
    if not found:
        least, most = VERSIONS[0], VERSIONS[-1]
        raise LabError(
            f"this machine has no Python {least} to {most} in {path}, which vLLM's CPU build runs on",
            hint="as root: the same command makes hosts that bring their own",
        )
    return found


def needed(ground: Ground, lab: Lab, *, hosts: int, build: str) -> dict[Path, int]:
    """Folder → bytes that the demo writes below it, at most."""
    copies = hosts if ground.mode == "namespaces" else 1
    lab_bytes = copies * (PACKED[build] + UNPACKED[build]) + (BASE if ground.mode == "namespaces" else 0)
    # uv, which chooses the versions, keeps what it has looked at beside the wheels.
    wanted = {lab.root: lab_bytes, wheel_cache(): 2 * PACKED[build]}
    return wanted if ground.mode == "namespaces" or not SHM.is_dir() else {**wanted, SHM: SHM_LEAST}


def room(wanted: Mapping[Path, int]) -> None:
    """Raises LabError, naming the folders, where a file system has less room than all that goes there."""
    disks: dict[int, tuple[int, list[Path]]] = {}
    for folder, needed in wanted.items():
        disk = _existing(folder).stat().st_dev
        taken, folders = disks.get(disk, (0, []))
        disks[disk] = (taken + needed, [*folders, folder])
    for needed, folders in disks.values():
        free = shutil.disk_usage(_existing(folders[0])).free
        if free < needed:
            raise LabError(
                f"the demo takes up to {size(needed)} below {' and '.join(map(str, folders))}, "
                f"and {size(free)} are free there",
                hint="PROVISION_LAB_DIR and XDG_CACHE_HOME name other places for hosts and packages"
                if folders != [SHM]
                else f"`sudo mount -o remount,size=1G {SHM}`; in a container `--shm-size=1g`",
            )


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next(path for path in (folder, *folder.parents) if path.exists())
