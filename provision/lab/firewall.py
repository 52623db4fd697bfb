"""A firewall inside a lab host, for tests that block something: rules in the host's own network namespace.

They are in a chain of their own, so that lifting them leaves alone what else the host's firewall has been told.
The machine's own iptables makes them, since a lab host has none; they go with the host.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from provision.lab import namespaces
from provision.lab.command import LabError, run
from provision.lab.state import HostState

CHAIN = "PROVISION-LAB"
#: What a blocked connection meets: silence, or the answer of a port where nobody listens.
DROP = ("DROP",)
REFUSE = ("REJECT", "--reject-with", "tcp-reset")


def block(host: HostState, port: int | None, source: str, target: Sequence[str]) -> None:
    """From now on, TCP to `port` (None: to every port) from the address or network `source` ("": from anywhere)
    meets `target`."""
    iptables(host, "--new-chain", CHAIN, check=False)
    if iptables(host, "--check", "INPUT", "--jump", CHAIN, check=False).returncode != 0:
        iptables(host, "--insert", "INPUT", "--jump", CHAIN)
    where = [*(("--source", source) if source else ()), *(("--dport", str(port)) if port else ())]
    iptables(host, "--append", CHAIN, "--protocol", "tcp", *where, "--jump", *target)


def lift(host: HostState) -> None:
    """Nothing that `block` forbade is forbidden any more."""
    iptables(host, "--flush", CHAIN, check=False)


def iptables(host: HostState, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return in_network(host, ["iptables", "--wait", "10", *arguments], check=check)


def in_network(host: HostState, argv: Sequence[str], *, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Runs a program of the machine in the host's network namespace, which is there also while the host is off."""
    if not namespaces.supervised(host):
        raise LabError(f"{host.name}: its supervisor has exited", hint="provision lab down, then provision lab up")
    return run(["nsenter", "--target", str(namespaces.supervisor_pid(host)), "--net", *argv], check=check)
