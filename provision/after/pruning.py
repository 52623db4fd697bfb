"""`prune`: what nobody needs any more on the hosts."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from provision import inventory as inventories
from provision.cluster import gather
from provision.core.secret import Secret
from provision.engine import alone
from provision.inventory.models import Inventory

if TYPE_CHECKING:
    from provision.stack.prunable import Leftover


def prune(
    inventory: Inventory,
    *,
    remove: bool | Sequence[Leftover] = False,
    limit: Sequence[str] = (),
    cancel: threading.Event | None = None,
    sudo_password: Secret | None = None,
) -> tuple[Leftover, ...]:
    """What no environment in use needs, nor the last good start: of earlier locks, builds that broke off. `remove`:
    takes it away, of a list what is still so. Raises HostError for one that could not be asked, and Busy before
    anything is removed, if another run is at work there."""
    from provision.after import last_good
    from provision.stack.prunable import leftover_scripts, read_leftovers

    password = sudo_password or inventories.read_sudo_password(inventory)
    if remove is True or not remove:
        # The head may know of a good start that was made from another machine.
        asked = [*limit, inventory.head.name] if limit else []
        scripts = leftover_scripts(inventory, asked, False)
        answers = gather.answers(inventory, scripts, sudo_password=password, cancel=cancel)
        found = read_leftovers(answers, last_good.environment(inventory.cluster))
        found = tuple(one for one in found if one.host in limit or not limit)
        if not remove:
            return found
        remove = found
    scripts = leftover_scripts(inventory, limit, remove)
    return read_leftovers(alone.answers(inventory, scripts, sudo_password=password, cancel=cancel))
