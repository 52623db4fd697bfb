"""What a lab has made, or is about to make, on disk before it is made: so that `down` finds everything, always.

Names are derived from the lab's directory and name, so that they are known beforehand. The one thing that
cannot be known beforehand, a pid, is found by a mark in the environment of each process the lab starts.
"""

from __future__ import annotations

import fcntl
import json
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeVar

from provision.lab.command import LabError

Mode = Literal["namespaces", "loopback"]
Init = Literal["systemd", "sshd"]
#: What runs containers on the hosts, if anything does.
Containers = Literal["", "docker", "podman"]
T = TypeVar("T", "Cgroup", "HostState", "LabState")

#: Every process of a lab carries `MARK=<directory of its host>` in its environment, or descends from one.
MARK = "PROVISION_LAB_HOST"


class DamagedState(LabError):
    """A lab's state is there and cannot be read."""


@dataclass(frozen=True)
class Cgroup:
    """One cgroup of a host: where it is on the machine, and how the host mounts its hierarchy.

    `mount` is the name below the host's /sys/fs/cgroup ("" if cgroup2 is all there is); `options` are those of
    a version 1 hierarchy, "" for version 2.
    """

    path: str
    mount: str
    options: str


@dataclass(frozen=True)
class HostState:
    """`fabric_address` and `fabric_link` are those of the second interface; empty in a lab without a fabric.
    `first_port`: of a loopback host's block; 0 for others."""

    name: str
    address: str
    directory: str
    link: str = ""
    cgroups: tuple[Cgroup, ...] = ()
    fabric_address: str = ""
    fabric_link: str = ""
    first_port: int = 0


@dataclass(frozen=True)
class LabState:
    """`complete` turns true as the last step of `up`; `rules` are iptables rules without -I or -D.

    `fabric_bridge` and `fabric_subnet`: of the hosts' second interfaces; empty where they have one each. `scratch`: the
    temporary folder of loopback hosts; empty for others, which have a /tmp of their own. `containers`: what runs
    containers on the hosts.
    """

    name: str
    mode: Mode
    hosts: tuple[HostState, ...]
    gpus: int
    port: int
    user: str
    init: Init = "systemd"
    bridge: str = ""
    subnet: str = ""
    rules: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()
    complete: bool = False
    fabric_bridge: str = ""
    fabric_subnet: str = ""
    scratch: str = ""
    containers: Containers = ""

    def save(self, directory: Path) -> None:
        target = directory / "state.json"
        fresh = target.with_suffix(".new")
        with fresh.open("w") as file:
            file.write(json.dumps(asdict(self), indent=1))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(target)


def load(directory: Path) -> LabState | None:
    """The lab's state, or None if there is no lab in `directory`. Raises DamagedState."""
    path = directory / "state.json"
    try:
        return _read(json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DamagedState(
            f"`{path}` is damaged: it is no lab's state",
            hint=f"provision lab down --name {shlex.quote(directory.name)}",
        ) from None


def _read(raw: dict[str, Any]) -> LabState:
    raw["hosts"] = tuple(
        known(HostState, {**host, "cgroups": tuple(known(Cgroup, group) for group in host["cgroups"])})
        for host in raw["hosts"]
    )
    raw["rules"] = tuple(tuple(rule) for rule in raw["rules"])
    raw["notes"] = tuple(raw["notes"])
    return known(LabState, raw)


def known(kind: type[T], raw: dict[str, Any]) -> T:
    """What another version of provision wrote still has to be removable: further keys are passed over."""
    names = {field.name for field in fields(kind)}
    return kind(**{key: value for key, value in raw.items() if key in names})


@contextmanager
def claimed(path: Path, *, shared: bool = False) -> Iterator[None]:
    """Holds a lock on the file `path` as long as this lasts, alone or with others that share it. Raises BlockingIOError
    at once where it cannot be had. The last holder deletes the file."""
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
            if not _is_still(file.fileno(), path):
                continue
            try:
                yield
            finally:
                with suppress(BlockingIOError):
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink(missing_ok=True)
            return


def _is_still(descriptor: int, path: Path) -> bool:
    """Whether the file that was opened as `path` is the one of that name."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds an exclusive lock on the file `path`: one `up` or `down` at a time. Released when the holder dies.

    The holder may delete the file; who waited for it then takes the lock on its successor.
    """
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if _is_still(file.fileno(), path):
                yield
                return
