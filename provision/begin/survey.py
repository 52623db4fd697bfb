"""The hosts that something names, asked for what they are: one round trip each, nothing is written there."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from provision.begin.named import Named, is_address
from provision.cluster.gather import fleet_of, gather_facts
from provision.core.errors import ProvisionError
from provision.core.events import Listener, silent
from provision.core.values import dataclass
from provision.facts import Facts
from provision.inventory.checks import is_host_name
from provision.inventory.models import Host, Inventory, Ssh


@dataclass(frozen=True)
class Surveyed:
    """`facts`: of the hosts that answered, by name; `errors`: why the others did not. `head`: which is to be it."""

    hosts: tuple[Named, ...]
    facts: Mapping[str, Facts]
    errors: Mapping[str, ProvisionError]
    head: str


def survey(
    named: tuple[Named, ...],
    cluster: str,
    path: Path,
    *,
    listener: Listener = silent,
    cancel: threading.Event | None = None,
) -> Surveyed:
    """`path`: the inventory that will be written, for messages. Raises Cancelled."""
    hosts = tuple(_host(host, first=index == 0) for index, host in enumerate(named))
    inventory = Inventory(path=path, cluster=cluster, hosts=hosts)
    with fleet_of(hosts, listener, cancel=cancel, inventory=path) as fleet:
        facts = gather_facts(fleet, inventory)
    errors = {name: found[0] for name, found in fleet.errors.items() if found}
    names = _names(named, facts)
    return Surveyed(
        tuple(replace(host, name=names[host.name], address=host.address or _old(host, names)) for host in named),
        {names[name]: known for name, known in facts.items()},
        {names[name]: error for name, error in errors.items()},
        names[_head(named, facts)],
    )


def _host(host: Named, *, first: bool) -> Host:
    return Host(
        name=host.name,
        address=host.address or host.name,
        role="head" if first else "worker",
        ssh=Ssh.model_validate(dict(host.ssh)),
    )


def _old(host: Named, names: Mapping[str, str]) -> str:
    return host.name if names[host.name] != host.name else ""


def _names(hosts: tuple[Named, ...], facts: Mapping[str, Facts]) -> dict[str, str]:
    """What each is called in the inventory. One that is known by its address alone gets the name that it has itself,
    if that is no other one's."""
    found = {host.name: host.name for host in hosts}
    wanted = {
        host.name: facts[host.name].hostname.partition(".")[0]
        for host in hosts
        if is_address(host.name) and host.name in facts
    }
    taken = [*wanted.values(), *(name for name in found if name not in wanted)]
    for name, own in wanted.items():
        if is_host_name(own) and not is_address(own) and taken.count(own) == 1:
            found[name] = own
    for index, name in enumerate(found):
        if not is_host_name(found[name]):
            found[name] = f"host-{index + 1}"  # an IPv6 address is no name
    return found


def _head(hosts: tuple[Named, ...], facts: Mapping[str, Facts]) -> str:
    """What is named so already; else the first that answered, with GPUs if one has any."""
    said = [host.name for host in hosts if host.head]
    with_gpus = [host.name for host in hosts if host.name in facts and facts[host.name].gpus]
    answered = [host.name for host in hosts if host.name in facts]
    return (said[:1] or with_gpus or answered or [hosts[0].name])[0]
