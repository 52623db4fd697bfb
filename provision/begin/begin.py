"""A first inventory: the hosts that are named are asked, and what fits them is written down."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from provision.begin.named import NamedHosts
from provision.begin.pins import Pins, pins_for
from provision.begin.survey import Surveyed, survey
from provision.begin.text import inventory_text
from provision.core.errors import ProvisionError
from provision.core.events import Listener, silent
from provision.core.values import dataclass


@dataclass(frozen=True)
class Proposal:
    """`text`: the inventory. `errors`: of the hosts that could not be asked; they are in it all the same."""

    text: str
    surveyed: Surveyed
    pins: Pins

    @property
    def errors(self) -> Mapping[str, ProvisionError]:
        return self.surveyed.errors


def propose(
    named: NamedHosts,
    *,
    cluster: str,
    path: Path,
    model: str = "",
    ssh: Mapping[str, str] = MappingProxyType({}),
    listener: Listener = silent,
    cancel: threading.Event | None = None,
) -> Proposal:
    """Asks the hosts and writes nothing, neither there nor here. `path`: where the inventory is going to be. `ssh`: as
    in an inventory, for all hosts of which nothing else is said."""
    hosts = tuple(replace(host, ssh={**ssh, **host.ssh}) for host in named.hosts)
    surveyed = survey(hosts, cluster, path, listener=listener, cancel=cancel)
    pins = pins_for(surveyed.facts)
    text = inventory_text(cluster, named.origin, surveyed, pins, model)
    return Proposal(text, surveyed, pins)
