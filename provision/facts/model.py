"""The typed facts of one host. Numbers are 0 and texts empty where the host did not say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Interface:
    """`addresses`: IPv4 first, then IPv6, without prefix lengths; `prefix` is that of the first one.

    `up` means that it is switched on and has a carrier. `speed_mbit` is None where the driver does not say
    (virtual interfaces).
    """

    name: str
    addresses: tuple[str, ...] = ()
    prefix: int = 0
    mtu: int = 0
    up: bool = False
    speed_mbit: int | None = None
    loopback: bool = False


@dataclass(frozen=True, slots=True)
class Listener:
    """A TCP socket that listens. `0.0.0.0` and `::` are every address."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class PythonFound:
    """An interpreter by the name of its file: `version` is `3.11`, the patch is not known before it runs."""

    path: str
    version: str


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU as nvidia-smi lists it. `persistence`, `mig`: None where the GPU has no such mode.

    `details` holds every field that was asked, in nvidia-smi's own names and words.
    """

    index: int
    name: str
    uuid: str = ""
    bus_id: str = ""
    driver: str = ""
    memory_mib: int = 0
    memory_free_mib: int = 0
    compute_capability: str = ""
    persistence: bool | None = None
    mig: bool | None = None
    details: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Facts:
    """Sizes are bytes, durations seconds. `login_user` is who came in over SSH, also where sudo does the work.

    `uv` is the path of the uv that the host has itself.

    `gpu_fault` is the kind of `gpu_error`, one of the words in `provision.facts.gpus.FAULTS`, or `failed`;
    `missing` alone means only that there is no nvidia-smi. `driver` is the version that answers,
    `driver_module` the one of the loaded kernel module. `route_source` and `route_interface` say how the
    host would reach the head, None if it cannot, or was not asked.
    """

    hostname: str = ""
    user: str = ""
    uid: int = -1
    home: str = ""
    login_user: str = ""
    login_home: str = ""
    arch: str = ""
    kernel: str = ""
    os_id: str = ""
    os_version: str = ""
    glibc: str = ""
    boot_id: str = ""
    uptime_seconds: float = 0.0
    clock: int = 0
    systemd: bool = False
    cpus: int = 0
    memory_bytes: int = 0
    shm_bytes: int = 0
    nofile_soft: int = 0
    nofile_hard: int = 0
    root: str = ""
    disk_free_bytes: int = 0
    pythons: tuple[PythonFound, ...] = ()
    curl: bool = False
    flock: bool = False
    tar: bool = False
    uv: str = ""
    uv_version: str = ""
    interfaces: tuple[Interface, ...] = ()
    route_source: str | None = None
    route_interface: str | None = None
    listening: tuple[Listener, ...] = ()
    gpus: tuple[Gpu, ...] = ()
    gpu_fault: str | None = None
    gpu_error: str | None = None
    driver: str | None = None
    driver_module: str | None = None

    def interface_of(self, address: str) -> Interface | None:
        """The interface that carries `address`, if one does."""
        return next((i for i in self.interfaces if address in i.addresses), None)

    def listens_on(self, port: int) -> tuple[Listener, ...]:
        return tuple(found for found in self.listening if found.port == port)
