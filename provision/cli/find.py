"""Which inventory a command means."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from provision.core.errors import UsageError

DEFAULT = "inventory.yaml"
VARIABLE = "PROVISION_INVENTORY"


def find_inventory(argument: str | None, environ: Mapping[str, str]) -> Path:
    """The argument; without one ./inventory.yaml, then what $PROVISION_INVENTORY names. Raises UsageError.

    Whether a file that is named exists is for the inventory's reader to say.
    """
    if argument:
        return Path(argument)
    if Path(DEFAULT).exists():
        return Path(DEFAULT)
    if named := environ.get(VARIABLE):
        return Path(named)
    raise UsageError(
        f"no inventory: there is no `{DEFAULT}` here, and ${VARIABLE} is not set",
        hint="name one, as in `provision up cluster.yaml`, or write an example with `provision init`",
    )
