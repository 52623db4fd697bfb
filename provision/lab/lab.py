"""A lab: virtual hosts on this one machine, ready to be provisioned, with an inventory written for them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from provision.errors import UsageError
from provision.lab import access, namespaces, processes, requirements
from provision.lab.command import LabError
from provision.lab.state import HostState, Init, LabState, Mode, load, locked

Say = Callable[[str], None]
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?\Z")
BOOT_TIMEOUT = 60.0  # seconds for all hosts of a lab to answer on their SSH port


@dataclass(frozen=True)
class LabHost:
    """One host as it is now. `pid` is its PID 1 (or its sshd on loopback) on this machine, 0 if it is off."""

    name: str
    address: str
    port: int
    pid: int
    boots: int
    gpus: int

    @property
    def running(self) -> bool:
        return self.pid != 0


@dataclass(frozen=True)
class LabReport:
    """What `up` left, or `status` found. `changed` is false if everything was there already.

    `init` is what runs as PID 1 in the hosts: `systemd`, or `sshd` where systemd does not come up (and on
    loopback, where the hosts share this machine's PID 1). `inventory` is None if there is no lab.
    """

    name: str
    directory: Path
    hosts: tuple[LabHost, ...] = ()
    mode: Mode | None = None
    init: Init | None = None
    inventory: Path | None = None
    notes: tuple[str, ...] = ()
    changed: bool = False
    seconds: float = 0.0


def default_root() -> Path:
    """Where labs are kept: /var/lib for root, the user's state folder for anybody else."""
    if os.geteuid() == 0:
        return Path("/var/lib/provision-lab")
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local/state") / "provision-lab"


class Lab:
    """The lab called `name`, kept below `root` together with the caches that labs share.

    Several labs may exist at once. All methods may be called from any program and at any time: what there is
    stands on disk. They raise LabError, and print nothing: progress goes to `say`, line by line.
    """

    def __init__(self, root: Path | None = None, name: str = "lab", *, say: Say = lambda _: None) -> None:
        if not NAME.match(name) or name.startswith(("base-", "gpus-")):
            raise UsageError(f"`{name}` cannot be a lab's name", hint="lower-case letters, digits and dashes")
        self.name = name
        self.root = (root or default_root()).absolute()
        self.directory = self.root / name
        self._say = say

    @property
    def inventory(self) -> Path:
        return self.directory / "inventory.yaml"

    def up(
        self,
        hosts: int = 3,
        gpus: int = 2,
        *,
        settings: Mapping[str, object] | None = None,
        rootless: bool = False,
        sudo: bool = True,
        layers: Sequence[Path] = (),
        shm_bytes: int = 2 << 30,
    ) -> LabReport:
        """Makes `hosts` hosts (`lab-1` is the head) with `gpus` stand-in GPUs each, and writes their inventory.

        A lab that runs already is left alone, one that broke off is removed first. `settings` are further
        top-level keys of the inventory. `rootless` takes loopback hosts, root or not. `sudo` lets the user become
        root without a password. `layers` are folders that appear below the hosts' root, read-only, such as a
        finished environment; `shm_bytes` is the size of each host's /dev/shm. (The last three: namespaces only.)
        """
        began = time.monotonic()
        if hosts < 1 or gpus < 0:
            raise UsageError("a lab has at least one host, and no fewer than 0 GPUs")
        self.root.mkdir(parents=True, exist_ok=True)
        with locked(self.root / f"{self.name}.lock"):
            state = load(self.directory)
            if state is not None and self._sound(state):
                self._refuse_other(state, hosts, gpus)
                return replace(self._report(state), seconds=time.monotonic() - began)
            if state is not None or self.directory.exists():
                self._say(f"removing what an earlier lab `{self.name}` left behind")
                self._remove(state)
            options = namespaces.Options(self.root, sudo, tuple(layers), shm_bytes)
            state = self._make(hosts, gpus, options, rootless)
            self.inventory.write_text(access.inventory(state, self.directory, settings or {}))
            state.save(self.directory)
            return replace(self._report(state), changed=True, seconds=time.monotonic() - began)

    def _make(self, hosts: int, gpus: int, options: namespaces.Options, rootless: bool) -> LabState:
        requirements.ensure(requirements.NAMESPACES, self._say)
        with locked(self.root / "machine.lock"):
            state = namespaces.plan(self.name, self.directory, hosts, gpus)
            self.directory.mkdir()
            state.save(self.directory)
            namespaces.wire(state)
        return namespaces.make(state, self.directory, options, self._say)

    def _sound(self, state: LabState) -> bool:
        return state.complete and all(processes.started(namespaces.supervisor_pid(host)) for host in state.hosts)

    def _refuse_other(self, state: LabState, hosts: int, gpus: int) -> None:
        if (len(state.hosts), state.gpus) != (hosts, gpus):
            raise UsageError(
                f"the lab `{self.name}` runs with {len(state.hosts)} hosts and {state.gpus} GPUs each",
                hint="provision lab down",
            )

    def _report(self, state: LabState) -> LabReport:
        hosts = []
        for host in state.hosts:
            power = namespaces.power(host)
            hosts.append(LabHost(host.name, host.address, state.port, power.pid, power.boots, state.gpus))
        inventory = self.inventory if self.inventory.exists() else None
        return LabReport(self.name, self.directory, tuple(hosts), state.mode, state.init, inventory, state.notes)

    def _remove(self, state: LabState | None) -> None:
        if state is not None:
            namespaces.unmake(state)
        shutil.rmtree(self.directory)

    def down(self, *, purge: bool = False) -> LabReport:
        with locked(self.root / f"{self.name}.lock"):
            state = load(self.directory)
            if state is not None or self.directory.exists():
                self._remove(state)
        return LabReport(self.name, self.directory, changed=state is not None)
