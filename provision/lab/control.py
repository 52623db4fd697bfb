"""One host of a lab in the hand of a test: commands behind SSH's back, power, cables, firewall, and GPU faults."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from provision.lab import firewall, loopback, namespaces, network
from provision.lab.command import LabError
from provision.lab.gpus import CONF, Gpus, of_host, parse
from provision.lab.state import HostState, LabState

# Seconds. On a busy machine both take as long as they take: these end what would never end.
BOOT_TIMEOUT = 600.0
OFF_TIMEOUT = 600.0


class HostControl:
    """Made by `Lab.host(name)`. Every method raises LabError where the host or its kind does not allow it."""

    def __init__(self, state: LabState, host: HostState, directory: Path) -> None:
        self._state = state
        self._host = host
        self._directory = directory

    @property
    def name(self) -> str:
        return self._host.name

    @property
    def address(self) -> str:
        return self._host.address

    @property
    def fabric_address(self) -> str:
        """Of its second interface; empty in a lab without a fabric."""
        return self._host.fabric_address

    @property
    def pid(self) -> int:
        """PID 1 of the host (its sshd on loopback) as this machine counts, 0 if it is off."""
        return loopback.pid_of(self._host) if self._loopback else namespaces.power(self._host).pid

    @property
    def _loopback(self) -> bool:
        return self._state.mode == "loopback"

    def exec(self, argv: Sequence[str], *, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Runs `argv` as root inside the host (as this user on loopback), whatever SSH does meanwhile.

        The exit code is the caller's to judge. Raises LabError if the host is off, or after `timeout` seconds.
        """
        if self._loopback:
            return loopback.execute(self._state, self._host, self._directory, argv, timeout)
        return namespaces.execute(self._host, argv, timeout)

    def fault(
        self,
        *,
        driver: str | None = None,
        gpus: int | None = None,
        name: str | None = None,
        used: int | None = None,
        text: str | None = None,
        hang: bool | None = None,
        cuda: str | None = None,
        link: str | None = None,
        cells: Mapping[str, str] | None = None,
        on: int | None = None,
        apps: Sequence[tuple[int, int, str]] | None = None,
        clear: bool = False,
    ) -> None:
        """Changes what nvidia-smi and NVML show from now on; what is not given stays, unless `clear` comes first.

        `gpus` is their number, `used` the MiB taken on each, `text` an error printed in place of any answer
        (exit code 9); with `hang` they never answer. `link` joins the GPUs (`NV18`, `SYS`).

        What nvidia-smi alone shows: `cells` puts values, with their units, into its fields (`{"power.limit":
        "350.00 W"}`; `nvlink.down` is how many NVLinks are down), and `apps` are the (pid, MiB, name) of what computes.
        Both are of the GPU `on`; without it, cells of each GPU, and apps of the first.
        """
        path = self._gpus_file()
        now = self._sound() if clear else parse(path.read_text())
        given: dict[str, Any] = {
            "driver": driver,
            "count": gpus,
            "name": name,
            "used": used,
            "fault": text,
            "hang": hang,
            "cuda": cuda,
            "link": link,
        }
        if cells is not None:
            where = "*" if on is None else str(on)
            kept = (cell for cell in now.cells if cell[0] != where or cell[1] not in cells)
            given["cells"] = (*kept, *((where, field, value) for field, value in cells.items()))
        if apps is not None:
            given["apps"] = tuple((pid, on or 0, mib, name) for pid, mib, name in apps)
        path.write_text(replace(now, **{key: value for key, value in given.items() if value is not None}).text())

    def _sound(self) -> Gpus:
        return of_host(self._state.name, self._host.name, self._state.gpus)

    def _gpus_file(self) -> Path:
        if self._loopback:
            return loopback.gpus_file(self._host)
        # A mounted overlay is changed through the mount alone: seen from here, that is below /proc.
        pid = self.pid
        root = Path(f"/proc/{pid}/root") if pid else Path(self._host.directory) / "upper"
        return root / CONF.lstrip("/")

    def kill(self) -> None:
        """Cuts the power: every process of the host is gone at once, without goodbye."""
        if self._loopback:
            loopback.stop([self._host])
            return
        namespaces.signal_supervisor(self._host, signal.SIGUSR1)
        namespaces.await_off(self._host, OFF_TIMEOUT)

    def start(self) -> None:
        """Switches the host on again after `kill`, and waits until its sshd greets."""
        if self.pid:
            return
        if self._loopback:
            loopback.start(self._host)
            loopback.await_answer(self._host, self._state.port)
            return
        boots = namespaces.power(self._host).boots
        namespaces.signal_supervisor(self._host, signal.SIGHUP)
        self._await_boot(boots + 1)

    def reboot(self) -> None:
        """Restarts the host, in good order where systemd runs, and waits until its sshd greets again."""
        if self._loopback:
            self.kill()
            self.start()
            return
        boots = namespaces.power(self._host).boots
        orderly = self._state.init == "systemd" and self.pid
        if not orderly or self.exec(["systemctl", "reboot"]).returncode != 0:
            namespaces.signal_supervisor(self._host, signal.SIGHUP)
        self._await_boot(boots + 1)

    def _await_boot(self, boots: int) -> None:
        if not namespaces.await_answer(self._host, BOOT_TIMEOUT, boots):
            raise LabError(
                f"{self.name} did not boot within {BOOT_TIMEOUT:g} s", evidence=namespaces.log_tail(self._host)
            )

    def link(self, up: bool) -> None:
        """Pulls the host's network cable, or plugs it in again."""
        self._needs_namespaces("it has no cable to pull")
        network.set_link(self._host.link, up)

    def fabric_link(self, up: bool) -> None:
        """The same, of its second interface."""
        self._needs_fabric()
        network.set_link(self._host.fabric_link, up)

    def fabric_mtu(self, mtu: int) -> None:
        """Lets the fabric carry frames of at most `mtu` bytes to and from the host, which goes on believing in its
        own: larger ones are lost without a word, as where one switch port was forgotten."""
        self._needs_fabric()
        network.set_mtu(self._host.fabric_link, mtu)
        # The kernel hands a train of segments from one end of a veth to the other as one packet, whatever its size.
        whole = str(1 if mtu < network.FABRIC_MTU else 65535)
        firewall.in_network(self._host, ["ip", "link", "set", network.FABRIC, "gso_max_segs", whole])

    def drop(self, port: int | None = None, *, source: str = "") -> None:
        """From now on the host's firewall drops TCP to `port` (to every port) from the address or network `source`
        (from anywhere)."""
        self._needs_namespaces("it has no firewall of its own")
        firewall.block(self._host, port, source, firewall.DROP)

    def refuse(self, port: int | None = None, *, source: str = "") -> None:
        """As `drop`, but answers as if nobody listened there."""
        self._needs_namespaces("it has no firewall of its own")
        firewall.block(self._host, port, source, firewall.REFUSE)

    def allow(self) -> None:
        """Lifts all that `drop` and `refuse` have blocked."""
        self._needs_namespaces("it has no firewall of its own")
        firewall.lift(self._host)

    def _needs_namespaces(self, why: str) -> None:
        if self._loopback:
            raise LabError(f"{self.name} is on loopback: {why}", hint="run the lab as root")

    def _needs_fabric(self) -> None:
        if not self._host.fabric_link:
            raise LabError(f"{self.name} has no second interface", hint="make the lab with `fabric=True`")
