"""The table of nftables that keeps hosts outside the cluster from its ports; and who listens on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar

from provision.cluster.closing import Closing
from provision.cluster.nftables import aspects, table_of, with_unasked
from provision.core.finding import Known
from provision.core.resource import Difference, Resource, State
from provision.core.script import Fragment, Script, Value
from provision.core.values import dataclass
from provision.facts.network import read_listener
from provision.payload.bundle import shell

#: Seconds within which the controller must come in by another connection, or the host takes its new table back.
TRIAL = 60

LIBRARY, LISTENERS, OTHERS = "firewall/library.sh", "firewall/listeners.sh", "firewall/others.sh"

#: What `check` calls the table, and what the cluster's processes listen on.
FIREWALL, OPEN_PORTS = "firewall", "open ports"

#: Of listeners on every address.
ANY = ("0.0.0.0", "::")


@dataclass(frozen=True)
class FirewallTable(Resource):
    """Hosts that are not of the cluster do not reach the ports that `closing` names: nftables drops their connections,
    in a table of this cluster's own. Nothing else on the host changes, and no other cluster's table. Needs root, nft.

    `wanted`: None leaves a host alone that has no such table, and keeps one that is there as it should be; False takes
    it away. `systemd`: it is loaded again after a reboot. `mark`: of the process that takes the table back where there
    is no systemd, unless it is confirmed over another connection within a minute.
    """

    area: ClassVar[str] = "network"
    why: ClassVar[str] = "who reaches Ray's ports, or those of the ranks, can run code in the cluster"

    closing: Closing = field(hash=False)
    mark: str
    wanted: bool | None = True
    systemd: bool = True
    seconds: int = field(default_factory=lambda: TRIAL)

    @property
    def id(self) -> str:
        return f"firewall:{self.closing.table}"

    @property
    def label(self) -> str:
        return FIREWALL

    def fact(self, aspect: str) -> str:
        return self.label if aspect == "table" else super().fact(aspect)

    def want(self) -> State:
        if self.wanted is False:
            return None
        boot = {"at boot": "loaded"} if self.systemd else {}
        unasked = self._unasked
        found = {k: v for k, v in aspects(self.closing).items() if k not in unasked}
        return {"table": "on", **boot, **found}

    def probe(self) -> Script:
        return Script(shell(LIBRARY, "firewall/probe.sh"), self._variables())

    def diff(self, have: State, want: State) -> tuple[Difference, ...]:
        if have is None and not self.wanted:
            return ()
        if have is None or want is None:
            return super().diff(have, want)
        kept = {*self._unasked, "at boot"}
        gone = [key for key in have if key not in want and key not in kept]
        return (*super().diff(have, want), *(Difference(key, None, have[key]) for key in gone))

    def known(self, have: State) -> tuple[Known, ...]:
        return (Known(self.area, FIREWALL, have["table"]),) if have and "table" in have else ()

    def fix(self, have: State, want: State) -> Script:
        if want is None:
            return Script(shell(LIBRARY, OTHERS, "firewall/remove.sh"), self._variables())
        variables: dict[str, Value] = {
            **self._variables(),
            "text": table_of(with_unasked(self.closing, have or {})),
            "ranges": " ".join(f"{p.first}-{p.last}" for p in self.closing.shared),
            "seconds": self.seconds,
            "mark": self.mark,
            "whose": f"{self.closing.cluster}/",
        }
        return Script(shell(LIBRARY, LISTENERS, OTHERS, "firewall/apply.sh"), variables)

    def confirm(self) -> Script:
        return Script(shell(LIBRARY, "firewall/confirm.sh"), self._variables())

    def explain(self, failed: Fragment) -> tuple[tuple[str, ...], str]:
        hint = "install the package `nftables`, or load what `provision firewall --format iptables` prints"
        return failed.tail(), hint if "no nft" in failed.stderr else ""

    @property
    def _unasked(self) -> frozenset[str]:
        return frozenset(f"addresses of {name}" for name in self.closing.unasked)

    def _variables(self) -> dict[str, Value]:
        return {"table": self.closing.table, "cluster": self.closing.cluster}


@dataclass(frozen=True)
class OpenPorts(Resource):
    """What processes listen on, beyond loopback, whose mark begins with `whose`. There is nothing to install: `check`
    shows it."""

    removable: ClassVar[bool | str] = False
    area: ClassVar[str] = "network"

    whose: str

    @property
    def id(self) -> str:
        return "open-ports"

    @property
    def label(self) -> str:
        return OPEN_PORTS

    def want(self) -> State:
        return {}

    def diff(self, have: State, want: State) -> tuple[Difference, ...]:
        return ()

    def probe(self) -> Script:
        return Script(f"{shell(LISTENERS)}\nlisteners own", {"whose": self.whose}, timeout=20)

    def read(self, fragment: Fragment) -> State:
        """Port → the addresses that it listens on."""
        found: dict[str, list[str]] = {}
        for line in fragment.stdout.splitlines():
            if (one := read_listener(line)) and not one.address.startswith("127.") and one.address != "::1":
                found.setdefault(str(one.port), []).append(one.address)
        return {port: " ".join(sorted(found[port])) for port in sorted(found, key=int)} or None

    def known(self, have: State) -> tuple[Known, ...]:
        return (Known(self.area, OPEN_PORTS, shown(have), lasting=False),) if have else ()

    def fix(self, have: State, want: State) -> Script:
        return Script(":")


def shown(ports: Mapping[str, str]) -> str:
    """`8 on 10.0.0.1, 2 on every address`."""
    count: dict[str, int] = {}
    for listed in ports.values():
        for address in {"every address" if a in ANY else a for a in listed.split()}:
            count[address] = count.get(address, 0) + 1
    return ", ".join(f"{number} on {address}" for address, number in sorted(count.items()))
