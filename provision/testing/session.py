"""What a session with an inventory is about, for its fixtures and whoever records it."""

from __future__ import annotations

import pytest

from provision.core.errors import ProvisionError
from provision.core.values import dataclass
from provision.inventory.models import Host, Inventory
from provision.render.errors import error_lines
from provision.testing.connections import Connections


@dataclass(frozen=True)
class SessionScope:
    """What a session is about. `hosts`: those of the inventory that were asked for."""

    inventory: Inventory
    hosts: tuple[Host, ...]
    connections: Connections


ASKED = pytest.StashKey[SessionScope]()

#: The parameter that `host` and `node` are made from. Not a name that a person's own fixture may have.
NODE = "_provision_node"


def node_of(item: pytest.Item) -> Host | None:
    """The host that a test is about; None for one that asked for no host."""
    callspec = getattr(item, "callspec", None)
    node = callspec.params.get(NODE) if callspec else None
    return node if isinstance(node, Host) else None


def said(error: ProvisionError) -> str:
    """As the command line says it, in one text."""
    return "\n".join(error_lines(error))
