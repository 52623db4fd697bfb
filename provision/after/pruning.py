"""`prune`: what nobody needs any more on the hosts."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from provision import inventory as inventories
from provision.cluster import gather
from provision.core.secret import Secret
from provision.engine import alone
from provision.inventory.models import Inventory
from provision.stack.prunable import Leftover, leftover_scripts, read_leftovers


def prune(
    inventory: Inventory,
    *,
    remove: bool | Sequence[Leftover] = False,
    limit: Sequence[str] = (),
    cancel: threading.Event | None = None,
    sudo_password: Secret | None = None,
) -> tuple[Leftover, ...]:
    """What no environment in use needs: of earlier locks, builds that broke off. `remove`: takes it away, of a list
    what is still so. Raises HostError for one that could not be asked, and Busy before anything is removed, if another
    run is at work there."""
    scripts = leftover_scripts(inventory, limit, remove)
    password = sudo_password or inventories.read_sudo_password(inventory)
    asked = alone.answers if remove else gather.answers
    return read_leftovers(asked(inventory, scripts, sudo_password=password, cancel=cancel))
