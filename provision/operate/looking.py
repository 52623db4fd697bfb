"""One look at a cluster: one batch on each host, all at once, that writes nothing there."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from provision.cluster.gather import Fleet
from provision.core.errors import LockError, NoHome, ProvisionError
from provision.core.lease import read_answer
from provision.core.script import Script, Value
from provision.core.secret import Secret
from provision.core.values import dataclass
from provision.engine.members import AT, Members
from provision.environment.locks import lock_of
from provision.inventory.models import Host, Inventory
from provision.inventory.secrets import readable_secrets
from provision.operate.asking import asking, place_of
from provision.operate.last_up import last_up
from provision.operate.read_status import read_gpus_in_use, read_service, read_work
from provision.operate.status import ClusterStatus, HostStatus, LastUp, ServiceStatus, Work
from provision.payload.bundle import bundle, shell
from provision.resources.service import LIBRARY
from provision.serving.smoke import API_KEY
from provision.transport.lease import looking

#: Services that a host may have, by the names of their folders.
SERVICES = ("ray", "vllm")

#: Seconds for nvidia-smi, and for all of a host.
_GPUS, _PATIENCE = 10, 45.0

_SERVICE = (
    *("files/trust.sh", "files/rights.sh", *LIBRARY, "service/secrets.sh", "listener.sh", "status/service.sh"),
    *("service/boot.sh", "service/probe.sh", "status/since.sh"),
)
_OWN = {"ray": "status/joined.sh", "vllm": "status/metrics.sh"}


@dataclass(frozen=True)
class _Seen:
    host: HostStatus
    work: Work | None = None
    work_unknown: str = ""


class Looker:
    """Looks again and again over the connections that it has. Made by `looker`."""

    def __init__(
        self,
        inventory: Inventory,
        fleet: Fleet,
        key: Secret | None = None,
        former: Sequence[Host] = (),
        untold: str = "",
    ) -> None:
        self._inventory = inventory
        self._former = tuple(former)
        self._untold = untold
        self._fleet = fleet
        self._key = key
        self._environment = _environment(inventory)

    def look(self) -> ClusterStatus:
        """Raises Cancelled; a host that cannot be reached is in what is returned."""
        inventory, fleet = self._inventory, self._fleet
        began, at = time.monotonic(), time.time()
        fleet.errors.clear()
        seen = fleet.on_each((*fleet.hosts, *self._former), self._host)
        hosts = tuple(seen[host.name].host if host.name in seen else self._unseen(host) for host in fleet.hosts)
        head = seen.get(inventory.head.name)
        return ClusterStatus(
            cluster=inventory.cluster,
            at=at,
            seconds=time.monotonic() - began,
            hosts=hosts,
            former=tuple(seen[host.name].host if host.name in seen else self._unseen(host) for host in self._former),
            former_untold=self._untold,
            expected=_expected(inventory),
            spares=inventory.spares,
            served=(inventory.serve.name or inventory.serve.model) if inventory.serve else "",
            environment=self._environment,
            work=head.work if head else None,
            work_unknown=head.work_unknown if head else "the head was not looked at",
            last_up=_last_up(inventory.cluster),
        )

    def _unseen(self, host: Host) -> HostStatus:
        errors = self._fleet.errors.get(host.name, [])
        for error in errors:
            if not hasattr(error, "host"):
                raise error  # it was cancelled
        return replace(_host(host), error=errors[-1] if errors else ProvisionError("it was not looked at"))

    def _host(self, host: Host) -> _Seen:
        session = self._fleet.transport.connect(host)
        on_head = host.name == self._inventory.head.name
        scripts = [self._service(host, name, self._key if on_head else None) for name in SERVICES]
        own = {"root": host.base, "cluster": self._inventory.cluster}
        scripts.append(Script(shell("status/environment.sh"), own, optional=True))
        # Last but for the lease, since it may hang.
        scripts += [Script(shell("status/gpus.sh"), {"patience": _GPUS}, optional=True), looking()]
        *services, environment, gpus, lease = session.run(scripts, timeout=_PATIENCE)
        found: list[ServiceStatus] = []
        unknown = ""
        for name, fragment in zip(SERVICES, services, strict=True):
            service, why = read_service(name, fragment)
            found += [service] if service else []
            unknown = unknown or why
        answer = read_answer(lease.stdout)
        busy = answer is not None and answer.state == "busy"
        in_use, gpus_unknown = read_gpus_in_use(gpus)
        status = replace(
            _host(host),
            gpus=in_use,
            gpus_unknown=gpus_unknown,
            services=tuple(found),
            services_unknown=unknown,
            environment=environment.stdout.partition("environment=")[2].strip()[:80],
            busy=busy,
            holder=answer.holder if answer and busy else None,
        )
        work, why = read_work(services[SERVICES.index("vllm")]) if on_head else (None, "")
        return _Seen(status, work, why)

    def _service(self, host: Host, name: str, key: Secret | None) -> Script:
        folder = host.name.partition(AT)[0]  # one that has moved was known there without its address
        variables: dict[str, Value] = {
            **place_of(self._inventory, host),
            **{"host": folder, "service": name},
        }
        if name == "vllm":
            variables |= {"program": bundle("metrics:main"), "api_key": key or ""}
        return Script(shell(*_SERVICE, _OWN[name]), variables, optional=True)


@contextmanager
def looker(
    inventory: Inventory,
    *,
    limit: Sequence[str] = (),
    cancel: threading.Event | None = None,
    sudo_password: Secret | None = None,
) -> Iterator[Looker]:
    """Looks at a cluster for as long as it is open, without `limit` at its former members, too. A secret that cannot be
    read here is not used."""
    with asking(inventory, limit, cancel, sudo_password) as fleet:
        members = Members(inventory) if limit else Members.of(inventory)
        untold = f"`{members.path}` {members.written.damaged}" if members.written.damaged else ""
        key = readable_secrets(inventory).get(API_KEY)
        yield Looker(inventory, fleet, key, members.former(stopped=False), untold)


def status(
    inventory: Inventory,
    *,
    limit: Sequence[str] = (),
    cancel: threading.Event | None = None,
    sudo_password: Secret | None = None,
) -> ClusterStatus:
    """How the cluster is now, in one round trip. Writes nothing on any host; one that cannot be reached is in what is
    returned. `limit`: names of the hosts to look at, none for all. Raises Cancelled."""
    with looker(inventory, limit=limit, cancel=cancel, sudo_password=sudo_password) as looking_at:
        return looking_at.look()


def _host(host: Host) -> HostStatus:
    return HostStatus(host.name, host.role, host.address)


def _expected(inventory: Inventory) -> Mapping[str, tuple[str, ...]]:
    """Of a playbook of one's own nothing is known."""
    if inventory.playbook is not None:
        return {}
    every = tuple(host.name for host in inventory.hosts)
    if inventory.serve is None:
        return {"ray": every}
    if inventory.serve.backend == "mp":
        return {"vllm": every}
    return {"ray": every, "vllm": (inventory.head.name,)}


def _environment(inventory: Inventory) -> str:
    try:
        lock = lock_of(inventory, make=False, say=lambda _: None)
    except (LockError, OSError):
        return ""
    return lock.short if lock.packages and not lock.stale else ""


def _last_up(cluster: str) -> LastUp | None:
    try:
        return last_up(cluster)
    except NoHome:
        return None
