"""Taking the hosts from a run that hangs, for whoever knows better than the hosts that it will not go on."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from provision import inventory as inventories
from provision.cluster.gather import fleet_of
from provision.core.errors import ScriptFailed, Unreachable, UsageError
from provision.core.events import silent
from provision.core.lease import Answer, read_answers
from provision.core.secret import Secret
from provision.engine.leasing import this_person
from provision.inventory.models import Host, Inventory
from provision.transport.lease import unlocking


def unlock(
    inventory: Inventory,
    why: str,
    *,
    limit: Sequence[str] = (),
    cancel: threading.Event | None = None,
    sudo_password: Secret | None = None,
) -> Mapping[str, Sequence[Answer]]:
    """Takes the hosts from whichever run is at work on them, and ends what it has going on there; that run does nothing
    more on them. `why`: what it is told, and what the host's log says. Returns what each host says of it. Raises
    UsageError without a reason; HostError for a host that could not be asked, once the others have been."""
    if not why.strip():
        raise UsageError("unlocking needs a reason", hint="provision unlock --why 'the laptop of ann was lost'")
    password = sudo_password or inventories.read_sudo_password(inventory)
    hosts = [host for host in inventory.hosts if not limit or host.name in limit]
    with fleet_of(hosts, silent, sudo_password=password, cancel=cancel, inventory=inventory.path) as fleet:

        def take(host: Host) -> Sequence[Answer]:
            (fragment,) = fleet.transport.connect(host).run([unlocking(this_person(), why.strip())])
            found = read_answers(fragment.stdout)
            if not fragment.ok or not found:
                raise ScriptFailed(host.name, "its lease could not be taken", evidence=fragment.tail())
            return found

        taken = fleet.on_each(hosts, take)
    for error in sorted(fleet.all_errors, key=lambda error: not isinstance(error, Unreachable)):
        raise error
    return taken
