"""One script on each host that writes there, without a plan: while no other run is at work on any of them."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from provision.cluster.gather import Fleet, fleet_of
from provision.core.errors import ScriptFailed, Unreachable
from provision.core.events import silent
from provision.core.script import Fragment, Script
from provision.core.secret import Secret
from provision.engine.leasing import claim_of, look_around
from provision.inventory.models import Host, Inventory


def answers(
    inventory: Inventory,
    scripts: Mapping[str, Script],
    *,
    command: str = "prune",
    fails: str = "what nothing uses could not be removed",
    sudo_password: Secret | None = None,
    cancel: threading.Event | None = None,
) -> dict[str, Fragment]:
    """By host, what its script printed, as part of `command`. Does not wait: raises Busy, before anything is done, if
    another run is at work; or the error of a host that could not be asked, or whose script failed (`fails` is said)."""
    hosts = [host for host in inventory.hosts if host.name in scripts]
    claim = claim_of(command, inventory.cluster, inventory.path)
    with fleet_of(hosts, silent, sudo_password=sudo_password, cancel=cancel, inventory=inventory.path) as fleet:

        def take(host: Host) -> None:
            fleet.leases[host.name], _ = fleet.transport.connect(host).hold(claim)

        def run(host: Host) -> Fragment:
            (said,) = fleet.transport.connect(host).run([scripts[host.name]], writes=True)
            if not said.ok:
                raise ScriptFailed(host.name, fails, evidence=said.tail())
            return said

        fleet.on_each(hosts, take)
        look_around(fleet.leases, inventory.path)
        _all_well(fleet)
        found = fleet.on_each(hosts, run)
        _all_well(fleet)
    return found


def _all_well(fleet: Fleet) -> None:
    """Raises the worst error of a host, if there is any."""
    for error in sorted(fleet.all_errors, key=lambda error: not isinstance(error, Unreachable)):
        raise error
