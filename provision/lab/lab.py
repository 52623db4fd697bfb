"""A lab: virtual hosts on this one machine, ready to be provisioned, with an inventory written for them."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from provision.core import person
from provision.core.errors import NoHome, UsageError
from provision.lab import access, damaged, loopback, namespaces, network, requirements
from provision.lab.command import LabError
from provision.lab.control import HostControl
from provision.lab.ground import NAMESPACES, Ground
from provision.lab.state import Containers, DamagedState, Init, LabState, Mode, load, locked

Say = Callable[[str], None]
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?\Z")
#: What labs share below their root, and `down --purge` removes.
CACHES = ("base-", "gpus-", "base.", "ports.")
#: One lab of this machine at a time looks for a free network and takes it, wherever the labs are kept.
MACHINE_LOCK = Path("/run/provision-lab.lock")
LEFT_OUT = (
    "hosts on loopback addresses share this machine's processes, files, network and systemd: what they leave out is "
    "reboots, firewalls, units, and a host that goes away"
)


@dataclass(frozen=True)
class LabHost:
    """One host as it is now. `pid` is its PID 1 (or its sshd on loopback) on this machine, 0 if it is off. `fabric` is
    the address of its second interface, empty where it has one."""

    name: str
    address: str
    port: int
    pid: int
    gpus: int
    fabric: str = ""

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
    """Where labs are kept: $PROVISION_LAB_DIR, or /var/lib for root, the user's state folder for anybody else. Raises
    NoHome."""
    move = "name a writable folder in PROVISION_LAB_DIR"
    if own := os.environ.get("PROVISION_LAB_DIR"):
        return person.to_write(own, move).absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/provision-lab")
    # A relative one is ignored, as the XDG base directory specification demands.
    state = Path(os.environ.get("XDG_STATE_HOME", ""))
    if state.is_absolute():
        return state / "provision-lab"
    home = person.home()
    if home is None:
        raise NoHome(f"there is no folder for labs: {person.nameless()}", hint=move)
    return home / ".local/state/provision-lab"


class Lab:
    """The lab called `name`, kept below `root` together with the caches that labs share.

    Several labs may exist at once. All methods may be called from any program and at any time: what there is
    stands on disk. They raise LabError, and print nothing: progress goes to `say`, line by line.
    """

    def __init__(self, root: Path | None = None, name: str = "lab", *, say: Say = lambda _: None) -> None:
        if not NAME.match(name) or f"{name}.".startswith(CACHES):
            raise UsageError(f"`{name}` cannot be a lab's name", hint="lower-case letters, digits and dashes")
        self.name = name
        self.root = (root or default_root()).absolute()
        self.directory = self.root / name
        self._say = say

    @property
    def inventory(self) -> Path:
        return self.directory / "inventory.yaml"

    @property
    def stack(self) -> Path:
        """What a demo serves on this lab, and the mark that it is a demo's; beside it, under a name no lab can have."""
        return self.root / f"{self.name}.stack"

    @property
    def tag(self) -> str:
        """Part of the name of everything this lab makes outside its folder: links, cgroups, firewall rules."""
        return network.tag(self.directory)

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
        init: Init = "systemd",
        fabric: bool = False,
        containers: Containers = "",
    ) -> LabReport:
        """Makes `hosts` hosts (`lab-1` is the head) with `gpus` stand-in GPUs each, and writes their inventory.

        A lab that runs already is left alone, one that broke off is removed first. `settings` are further
        top-level keys of the inventory. `rootless` takes loopback hosts, root or not. `sudo` lets the user become
        root without a password. `layers` are folders that appear below the hosts' root, read-only, such as a
        finished environment; `shm_bytes` is the size of each host's /dev/shm; `init="sshd"` makes lighter hosts
        without systemd. `fabric` gives each host a second interface, `eth1`, on a network of its own with jumbo frames;
        the inventory then leaves it to `provision` which one the nodes talk over. `containers="docker"` gives each host
        a Docker daemon, whose `--gpus` shows the stand-in GPUs; `"podman"` gives it Podman, which knows them by CDI.
        (The last six: namespaces only.)
        """
        began = time.monotonic()
        if hosts < 1 or gpus < 0:
            raise UsageError("a lab has at least one host, and no fewer than 0 GPUs")
        lock = self.root / f"{self.name}.lock"
        with locked(lock):
            state = self._removable()
            if state is not None and sound(state):
                self._refuse_other(state, hosts, gpus, fabric, containers)
                return replace(self._report(state), seconds=time.monotonic() - began)
            if self.directory.exists():
                self._say(f"removing what an earlier lab `{self.name}` left behind")
                self._remove(state)
            options = namespaces.NamespaceOptions(self.root, sudo, tuple(layers), shm_bytes, init, fabric, containers)
            try:
                state = self._make(hosts, gpus, options, rootless)
                # Without root the hosts share the user's home, which the lab leaves as it was.
                shared = {"root": str(self.directory / "provision")} if state.mode == "loopback" else {}
                own = loopback.own_settings(state, self.directory) if state.mode == "loopback" else {}
                text = access.inventory(state, self.directory, {**shared, **(settings or {})}, own)
                self.inventory.write_text(text, encoding="utf-8")
                state.save(self.directory)
            except BaseException:
                if self.directory.exists():
                    self._remove(self._removable())
                lock.unlink()
                raise
            return replace(self._report(state), changed=True, seconds=time.monotonic() - began)

    def status(self) -> LabReport:
        """What there is now. A lab without hosts is no lab."""
        state = load(self.directory)
        if state is None:
            return LabReport(self.name, self.directory)
        report = self._report(state)
        if state.complete:
            return report
        note = "still being created, or its creation was interrupted: `provision lab down` removes it"
        return replace(report, notes=(*report.notes, note))

    def down(self, *, purge: bool = False) -> LabReport:
        """Removes the lab and all it made, in whatever state it is; `changed` says whether there was one.

        The base system stays for the next lab; `purge` removes it, too, unless another lab stands on it.
        """
        began = time.monotonic()
        there = self.directory.exists()
        notes: tuple[str, ...] = ()
        if there or self.root.exists():
            lock = self.root / f"{self.name}.lock"
            with locked(lock):
                there = self.directory.exists()
                if there:
                    self._remove(self._removable())
                shutil.rmtree(self.stack, ignore_errors=True)
                lock.unlink()
            notes = self._purge() if purge else ()
        seconds = time.monotonic() - began
        return LabReport(self.name, self.directory, notes=notes, changed=there, seconds=seconds)

    def host(self, name: str) -> HostControl:
        """The host called `name`. Raises LabError if there is none."""
        state = load(self.directory)
        if state is None:
            raise LabError(f"there is no lab `{self.name}`", hint="provision lab up")
        for host in state.hosts:
            if host.name == name:
                return HostControl(state, host, self.directory)
        raise LabError(f"the lab `{self.name}` has no host `{name}`", hint=", ".join(host.name for host in state.hosts))

    def ground(self, *, rootless: bool = False) -> Ground:
        """What kind of hosts `up` would make. Makes nothing that lasts."""
        if rootless or os.geteuid() != 0:
            return Ground("loopback")
        self.root.mkdir(parents=True, exist_ok=True)
        missing = namespaces.impossible(self.root)
        return Ground("loopback", missing) if missing else NAMESPACES

    def _make(self, hosts: int, gpus: int, options: namespaces.NamespaceOptions, rootless: bool) -> LabState:
        ground = self.ground(rootless=rootless)
        if ground.mode == "namespaces":
            requirements.ensure(requirements.NAMESPACES, self._say)
            return self._make_namespaces(hosts, gpus, options)
        if options.fabric:
            raise ground.refusal("a second interface needs", "leave out the fabric")
        if options.containers:
            raise ground.refusal("containers need", f"leave out --{options.containers}")
        loopback.login()  # whom sshd would not know is told so before anything is installed
        requirements.ensure(requirements.LOOPBACK, self._say)
        notes = tuple(note for note in (ground.note, LEFT_OUT) if note)
        # Who may not write where all of this machine see it does without: where to begin is left to chance.
        lock = MACHINE_LOCK if os.geteuid() == 0 else self.root / "ports.lock"
        with locked(lock):
            try:
                state = replace(loopback.plan(self.name, self.directory, hosts, gpus), notes=notes)
                self._begin(state)
                return loopback.make(state, self.directory, self.root, self._say)
            finally:
                lock.unlink()

    def _make_namespaces(self, hosts: int, gpus: int, options: namespaces.NamespaceOptions) -> LabState:
        with locked(MACHINE_LOCK):
            state = namespaces.plan(self.name, self.directory, hosts, gpus, fabric=options.fabric)
            state = replace(state, containers=options.containers)
            self._begin(state)
            namespaces.wire(state)
            MACHINE_LOCK.unlink()
        return namespaces.make(state, self.directory, options, self._say)

    def _begin(self, state: LabState) -> None:
        for host in state.hosts:
            Path(host.directory).mkdir(parents=True)
        state.save(self.directory)

    def _refuse_other(self, state: LabState, hosts: int, gpus: int, fabric: bool, containers: str) -> None:
        there = (len(state.hosts), state.gpus, bool(state.fabric_bridge), state.containers)
        if there != (hosts, gpus, fabric, containers):
            second = ", and a fabric" if state.fabric_bridge else ", without a fabric" if fabric else ""
            if state.containers != containers:
                second += f", and {state.containers}" if state.containers else f", without {containers}"
            raise UsageError(
                f"the lab `{self.name}` runs with {len(state.hosts)} hosts and {state.gpus} GPUs each{second}",
                hint="provision lab down",
            )

    def _report(self, state: LabState) -> LabReport:
        hosts = []
        for host in state.hosts:
            control = HostControl(state, host, self.directory)
            hosts.append(LabHost(host.name, host.address, state.port, control.pid, state.gpus, host.fabric_address))
        inventory = self.inventory if self.inventory.exists() else None
        return LabReport(self.name, self.directory, tuple(hosts), state.mode, state.init, inventory, state.notes)

    def _removable(self) -> LabState | None:
        try:
            return load(self.directory)
        except DamagedState:
            return damaged.rebuilt(self.name, self.directory)

    def _remove(self, state: LabState | None) -> None:
        if state is not None:
            self._say(f"stopping {', '.join(host.name for host in state.hosts)}")
            namespaces.unmake(state) if state.mode == "namespaces" else loopback.unmake(state)
        hosts = self.directory / "hosts"
        # Each has an environment of thousands of files: on a slow disk that takes minutes.
        for folder in sorted(hosts.iterdir()) if hosts.is_dir() and not hosts.is_symlink() else ():
            if folder.is_dir() and not folder.is_symlink():
                self._say(f"{folder.name}: removing its files")
                shutil.rmtree(folder)
        shutil.rmtree(self.directory)

    def _purge(self) -> tuple[str, ...]:
        others = sorted(path.parent.name for path in self.root.glob("*/state.json"))
        if others:
            return (f"the base system stays: {', '.join(others)} still use it",)
        for path in self.root.iterdir():
            if path.name.startswith(CACHES):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        if not any(self.root.iterdir()):
            self.root.rmdir()
        return ()


def sound(state: LabState) -> bool:
    """Whether the lab was finished and every host of it is still there, on or off."""
    alive = namespaces.supervised if state.mode == "namespaces" else loopback.pid_of
    return state.complete and all(alive(host) for host in state.hosts)
