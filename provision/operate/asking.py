"""The hosts that a person asks for something: a fleet without a run, whose output holds no secret."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from provision.cluster.gather import Fleet, fleet_of
from provision.core.errors import Cancelled, ProvisionError
from provision.core.events import silent
from provision.core.script import Value
from provision.core.secret import Secret
from provision.inventory.models import Host, Inventory
from provision.inventory.secrets import read_sudo_password, readable_secrets
from provision.resources.runtime import RUNTIMES


@contextmanager
def asking(
    inventory: Inventory, limit: Sequence[str], cancel: threading.Event | None, sudo_password: Secret | None
) -> Iterator[Fleet]:
    """`limit`: names of the hosts, none for all. A secret that cannot be read here is not known, and so not masked."""
    secrets = readable_secrets(inventory)
    with fleet_of(
        [host for host in inventory.hosts if not limit or host.name in limit],
        silent,
        sudo_password=sudo_password or read_sudo_password(inventory),
        redact=tuple(secrets.values()),
        cancel=cancel,
        inventory=inventory.path,
    ) as fleet:
        yield fleet


def errors_of(fleet: Fleet) -> tuple[ProvisionError, ...]:
    """Of hosts that could not be asked. Raises Cancelled, if it was."""
    for error in fleet.all_errors:
        if isinstance(error, Cancelled):
            raise error
    return fleet.all_errors


def place_of(inventory: Inventory, host: Host) -> dict[str, Value]:
    """What the files of a service take (LIBRARY), beside its name, where one is looked at and none is started."""
    return {
        **{"root": host.base, "cluster": inventory.cluster, "host": host.name, "user": host.services_user},
        **{"runtimes": " ".join(RUNTIMES), "scratch": "", "former": ""},
    }
