"""How a cluster is at one moment, as values: what was looked at and found, and what is not known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field

from provision.core.errors import ProvisionError
from provision.core.exits import Exit
from provision.core.lease import Holder
from provision.core.values import dataclass

#: What `check` looks at and this does not.
NOT_LOOKED_AT = ("packages", "weights", "settings", "network")


@dataclass(frozen=True)
class GpuUse:
    """None where nvidia-smi does not say. `processes`: of how many programs that compute."""

    index: int
    name: str
    memory_used_mib: int | None
    memory_mib: int | None
    celsius: float | None
    watts: float | None
    percent: float | None
    processes: int

    @property
    def used(self) -> bool:
        return self.processes > 0


@dataclass(frozen=True)
class ServiceStatus:
    """Ray or vLLM on one host. `why`: what it does instead of running. `seconds`: for which its process has been
    running; `restarts`: how often it was started by itself, None where nothing would. `flags`: as it was started.
    `mute`: why nothing comes of it although its process is there."""

    name: str
    running: bool
    ready: bool
    why: str = ""
    again: str = ""
    seconds: int | None = None
    restarts: int | None = None
    environment: str = ""
    model: str = ""
    joined: tuple[str, ...] = ()
    flags: Mapping[str, str] = field(default_factory=dict, hash=False)
    mute: str = ""

    @property
    def well(self) -> bool:
        return self.running and self.ready and not self.mute

    @property
    def said(self) -> str:
        if self.running and self.ready:
            return f"running, but {self.mute}" if self.mute else "running"
        if self.again:
            return self.again.removeprefix("it is ")
        return "starting" if self.running else f"not running{f': {self.why}' if self.why else ''}"


@dataclass(frozen=True)
class Work:
    """What a server says of its work. Rates are of the time between two looks, of `seconds`; None: not known."""

    seconds: float
    tokens_per_second: float | None = None
    running: float | None = None
    waiting: float | None = None
    kv_cache: float | None = None
    first_token_seconds: float | None = None
    first_tokens: float | None = None


@dataclass(frozen=True)
class HostStatus:
    """`error`: why nothing is known of it. `gpus_unknown`, `services_unknown`: why these could not be looked at."""

    name: str
    role: str
    address: str
    error: ProvisionError | None = None
    gpus: tuple[GpuUse, ...] = ()
    gpus_unknown: str = ""
    services: tuple[ServiceStatus, ...] = ()
    services_unknown: str = ""
    environment: str = ""
    busy: bool = False
    holder: Holder | None = None

    def service(self, name: str) -> ServiceStatus | None:
        return next((service for service in self.services if service.name == name), None)


@dataclass(frozen=True)
class LastUp:
    """The last `up` from this machine. `done`: how it ended, None if it has not. `changes`: what it
    changed, each on which host."""

    at: float
    exit_code: int | None
    changes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class ClusterStatus:
    """`expected`: service → the hosts that should have it. `environment`: of the lock here, empty where that is not
    known. `work_unknown`: why there are no numbers of the server's. `former`: hosts that were members, are
    no longer in the inventory, and on which nothing is known to have been stopped; `former_untold`: why there may be
    more."""

    cluster: str
    at: float
    seconds: float
    hosts: tuple[HostStatus, ...]
    expected: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    spares: int = 0
    served: str = ""
    environment: str = ""
    work: Work | None = None
    work_unknown: str = ""
    last_up: LastUp | None = None
    former: tuple[HostStatus, ...] = ()
    former_untold: str = ""

    @property
    def former_unknown(self) -> tuple[HostStatus, ...]:
        """Former members of which it is not known whether anything still runs there."""
        return tuple(host for host in self.former if host.error is not None or host.services_unknown)

    @property
    def unknown(self) -> tuple[HostStatus, ...]:
        """Hosts of which nothing is known."""
        return tuple(host for host in self.hosts if host.error is not None)

    @property
    def unreachable(self) -> tuple[HostStatus, ...]:
        """Those of them that could not be reached; the others could not be asked, as where sudo refuses."""
        return tuple(host for host in self.unknown if host.error and host.error.exit_code == Exit.UNREACHABLE)

    @property
    def holders(self) -> Mapping[str, Holder | None]:
        """Host → who has its lease."""
        return {host.name: host.holder for host in self.hosts if host.busy}

    @property
    def wrong(self) -> tuple[str, ...]:
        """What was looked at and is not as it should be."""
        return tuple(self._wrong())

    @property
    def check(self) -> str:
        """What `check` would say, in one word, as far as that is known from what was looked at."""
        if self.holders:
            return "busy"
        if self.unreachable:
            return "unreachable"
        return "drift" if self.wrong else "not looked at"

    @property
    def healthy(self) -> bool:
        return not (self.wrong or self.unknown)

    @property
    def exit_code(self) -> int:
        if self.unreachable:
            return Exit.UNREACHABLE
        if self.holders:
            return Exit.BUSY
        if self.unknown:
            return Exit.FAILED
        return Exit.NO if self.wrong else Exit.DONE

    def _wrong(self) -> Iterator[str]:
        spare = self.spares
        for host in self.hosts:
            if host.error is not None:
                continue
            if host.services_unknown:
                yield f"{host.name}: {host.services_unknown}"
                continue
            missing = [name for name, hosts in self.expected.items() if host.name in hosts]
            if spare and host.role != "head" and not host.services and missing:
                spare -= 1
                continue
            for name in dict.fromkeys((*missing, *(service.name for service in host.services))):
                service = host.service(name)
                if service is None or not service.well:
                    yield f"{TITLES[name]} on {host.name}: {service.said if service else 'not running'}"
            if self.environment and host.environment and host.environment != self.environment:
                yield f"{host.name}: environment {host.environment}, the lock here is of {self.environment}"
        for host in self.former:
            going = [TITLES[service.name] for service in host.services if service.running or service.again]
            if going:
                yield (
                    f"{host.name} ({host.address}) is no longer in the inventory and still runs {' and '.join(going)}: "
                    "`provision up` stops that"
                )


#: How services are called.
TITLES = {"ray": "Ray", "vllm": "vLLM"}
