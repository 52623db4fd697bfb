"""The typed facts of one host. Numbers are 0 and texts empty where the host did not say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from provision.core.values import dataclass


@dataclass(frozen=True, slots=True)
class Interface:
    """`addresses`: IPv4 first, then IPv6, without prefix lengths; `prefixes` are theirs, `prefix` that of the first.

    `kind`: the kernel's word for what is no plain port (`vlan`, `bond`, `wireguard` …), `tun`, or `bridge` for a bridge
    that joins virtual ports alone; empty otherwise. `up` means that it is switched on and has a carrier. `speed_mbit`
    is None where the driver does not say (virtual interfaces).
    """

    name: str
    addresses: tuple[str, ...] = ()
    prefix: int = 0
    mtu: int = 0
    up: bool = False
    speed_mbit: int | None = None
    loopback: bool = False
    kind: str = ""
    prefixes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Listener:
    """A TCP socket that listens. `0.0.0.0` and `::` are every address."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class PythonFound:
    """An interpreter: `version` is `3.11`, by the name of its file; `patch` is `3.11.7`, as it says itself."""

    path: str
    version: str
    patch: str = ""


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU as nvidia-smi lists it. None: the GPU has no such mode or counter, or does not tell.

    `error`: what a cell says instead of a value if the GPU could not be read (`Unknown Error`, `GPU requires reset`).
    `throttle`: the bits of nvidia-smi's clocks_event_reasons.active. `power_limit` and `power_default`: watts.
    `pcie_gen`, `pcie_width`: now, and at most; an idle GeForce is at generation 1. `sm_clock_max`: MHz.
    `recovery`: what the driver wants done to the GPU (`Reset`, `Reboot`, `Drain P2P` …), empty for nothing.
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
    vbios: str = ""
    compute_mode: str = ""
    ecc: bool | None = None
    ecc_uncorrected: int | None = None
    retired_pending: bool | None = None
    remapped_pending: bool | None = None
    remapped_failure: bool | None = None
    throttle: int = 0
    power_limit: float | None = None
    power_default: float | None = None
    sm_clock_max: int | None = None
    pcie_gen: int | None = None
    pcie_gen_max: int | None = None
    pcie_width: int | None = None
    pcie_width_max: int | None = None
    fabric_state: str = ""
    fabric_status: str = ""
    recovery: str = ""
    error: str = ""
    details: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """A process that holds memory of a GPU. `mark`: the service of ours that it belongs to (PROVISION_SERVICE), empty
    for a stranger, or for another user's process that does not show it. `user` and `command` are empty where the
    process lives in a container that hides it. `since`: seconds that it has been running, None where it is not told."""

    pid: int
    gpu: str
    memory_mib: int = 0
    user: str = ""
    command: str = ""
    mark: str = ""
    since: float | None = None
    container: str = ""


@dataclass(frozen=True, slots=True)
class Program:
    """A Ray or vLLM that runs here, whoever started it. `kind`: `raylet`, `gcs_server` or `vllm` (the server).

    `version`: of the package in the environment that it was started from; empty where that is not to be seen, or gone.
    `node_ip`: what a raylet advertises. `replaced`: its program file is another one by now. `mark` and `container` as
    in GpuProcess.
    """

    kind: str
    pid: int
    user: str = ""
    command: str = ""
    environment: str = ""
    version: str = ""
    node_ip: str = ""
    replaced: bool = False
    mark: str = ""
    container: str = ""


@dataclass(frozen=True, slots=True)
class Fabric:
    """One port of an InfiniBand or RoCE device. `state`: `ACTIVE`, `DOWN` …; `rate_gbit`: 0 where it is not told.
    `interfaces`: the network interfaces that it carries."""

    device: str
    port: int
    state: str
    layer: str = ""
    rate_gbit: float = 0.0
    interfaces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Xid:
    """An error that the driver reported to the kernel's log since boot. `bus_id`: as the log has it."""

    code: int
    bus_id: str
    count: int = 1
    text: str = ""


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """The folder of the model, if it is one: `digest` is over names and sizes of its files. `there`: it exists.
    `config`: what its config.json says. `weights_bytes`: of the files with the weights that vLLM would load,
    `pickles` those of them that are pickles, `missing` the numbered parts of them that are not there. `unread`: the
    config.json is longer than what is read of one."""

    path: str
    there: bool = False
    files: int = 0
    bytes: int = 0
    digest: str = ""
    disk_free_bytes: int = 0
    config: Mapping[str, object] = field(default_factory=dict, hash=False)
    weights_bytes: int = 0
    pickles: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unread: bool = False


@dataclass(frozen=True, slots=True)
class Exposed:
    """Where others could change a folder of ours: at `path`, which is the folder, or lies above it, or is a link on the
    way. `why`: it belongs to another user (`owner`); all users may write there (`others`), or a `group`, or whom an
    access control list names (`acl`); or what it is cannot be told (`links`, `unreadable`)."""

    path: str
    why: str
    mode: str = ""
    owner: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Sizes are bytes, durations seconds. `login_user` is who came in over SSH, also where sudo does the work.

    `uv` is the path of the uv that the host has itself.

    `gpu_fault` is the kind of `gpu_error`, one of the words in `provision.facts.gpus.FAULTS`, or `failed`;
    `missing` alone means only that there is no nvidia-smi. `driver` is the version that answers,
    `driver_module` the one of the loaded kernel module. `route_source` and `route_interface` say how the
    host would reach the head, None if it cannot, or was not asked.

    `clock_offset`: how far the host's clock is ahead of the controller's, to about a second. `xids` is None where the
    kernel's log may not be read. `topology`: nvidia-smi's matrix, a row per GPU, its links to the others. `nvlinks`:
    (GPU's index, active links, links that are down). `fabric_manager`: what systemd says of it (`active`, `inactive`,
    `failed`), empty where there is none. `driver_library`: the version of libnvidia-ml on disk. `cuda`: the newest
    CUDA that the driver supports. `printed`: what else was asked for, by fact (provision.checks.host). `exposed`:
    `root` and `model` → where others could change that folder; without an entry, nobody else can. `lacks`: what root
    needs to act for other users and does not have, programs and capabilities. `lingers`: systemd runs for the
    user, too, and does not end with the session. `root_place` names the folder `root` alike on all hosts that share it.
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
    lingers: bool = False
    cpus: int = 0
    memory_bytes: int = 0
    shm_bytes: int = 0
    nofile_soft: int = 0
    nofile_hard: int = 0
    root: str = ""
    root_place: str = ""
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
    driver_library: str | None = None
    cuda: str = ""
    gpu_processes: tuple[GpuProcess, ...] = ()
    topology: tuple[tuple[str, ...], ...] = ()
    nvlinks: tuple[tuple[int, int, int], ...] = ()
    fabric_manager: str = ""
    xids: tuple[Xid, ...] | None = None
    fabrics: tuple[Fabric, ...] = ()
    programs: tuple[Program, ...] = ()
    clock_offset: float | None = None
    hostname_addresses: tuple[str, ...] = ()
    model: ModelFolder | None = None
    printed: Mapping[str, str] = field(default_factory=dict, hash=False)
    exposed: Mapping[str, Exposed] = field(default_factory=dict, hash=False)
    lacks: tuple[str, ...] = ()

    def interface_of(self, address: str) -> Interface | None:
        """The interface that carries `address`, if one does."""
        return next((i for i in self.interfaces if address in i.addresses), None)

    def listens_on(self, port: int) -> tuple[Listener, ...]:
        return tuple(found for found in self.listening if found.port == port)
