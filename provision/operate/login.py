"""How a person's own terminal gets to a host: the arguments of OpenSSH's client."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from provision.core.errors import UsageError
from provision.core.wording import did_you_mean
from provision.inventory.models import Host, Inventory
from provision.operate.commands import shell_line
from provision.transport.connect import Opener
from provision.transport.openssh import client
from provision.transport.target import Target


def ssh_command(inventory: Inventory, name: str, words: Sequence[str] = ()) -> list[str]:
    """A login, or a command that the login shell there is given. Raises UsageError, Unreachable."""
    return [*client(_target(inventory, host_named(inventory, name))), *words]


def env_command(inventory: Inventory, name: str, words: Sequence[str] = (), *, terminal: bool) -> list[str]:
    """A shell within the cluster's environment, or a command in there. Raises UsageError, Unreachable."""
    host = host_named(inventory, name)
    options = ["-t"] if terminal else []
    return [*client(_target(inventory, host), *options), shell_line(inventory, host, words)]


def host_named(inventory: Inventory, name: str) -> Host:
    """Also by its role, if one host alone has it. Raises UsageError."""
    found = [host for host in inventory.hosts if name == host.name]
    found = found or [host for host in inventory.hosts if name == host.role]
    if len(found) == 1:
        return found[0]
    names = [host.name for host in inventory.hosts]
    meant = did_you_mean(name, names, "; ")
    raise UsageError(f"there is no host `{name}` in the inventory{meant}", hint=f"the hosts are {', '.join(names)}")


def _target(inventory: Inventory, host: Host) -> Target:
    return Opener(threading.Event(), inventory=inventory.path).target(host)
