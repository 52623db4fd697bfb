"""The inventory and the facts, joined: what a playbook is a function of."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

from provision.facts import Facts
from provision.inventory.models import Host, Inventory
from provision.locking import Lock
from provision.secret import Secret


@dataclass(frozen=True)
class Node:
    """One host with what is known of it. `facts` is None for a host that was not contacted: outside
    `--limit`, or unreachable. Its steps can be declared, but nothing is observed or changed there."""

    host: Host
    facts: Facts | None

    @property
    def name(self) -> str:
        return self.host.name

    @property
    def node_ip(self) -> str:
        """What the other nodes talk to: as given, else the SSH address where it is an IP that the host has,
        else the address from which the host talks to the head."""
        if self.host.node_ip:
            return self.host.node_ip
        if is_ip(self.host.address) and (self.facts is None or self.interface_of(self.host.address)):
            return self.host.address
        return (self.facts.route_source if self.facts else None) or self.host.address

    @property
    def interface(self) -> str:
        """The interface that holds `node_ip`; empty if none does."""
        return self.host.interface or self.interface_of(self.node_ip)

    def interface_of(self, address: str) -> str:
        if self.facts is None:
            return ""
        wanted = _ip(address)
        for interface in self.facts.interfaces:
            if address in interface.addresses:
                return interface.name
            # The whole of 127/8 belongs to the loopback interface, which lists 127.0.0.1 alone.
            if interface.loopback and wanted is not None and wanted.is_loopback:
                return interface.name
        return ""

    @property
    def root(self) -> str:
        """The folder below which everything of ours lives, absolute where the home folder is known."""
        return self.facts.root if self.facts else self.host.base

    @property
    def gpus(self) -> int:
        return len(self.facts.gpus) if self.facts else 0


@dataclass(frozen=True)
class Cluster:
    """`secrets` holds what the inventory's `secrets` name, by name. `deep`: the files of the environments are to be
    held against their hashes, and not their names alone."""

    inventory: Inventory
    nodes: tuple[Node, ...]
    lock: Lock
    secrets: Mapping[str, Secret]
    deep: bool = False

    @property
    def name(self) -> str:
        return self.inventory.cluster

    @property
    def head(self) -> Node:
        return next(n for n in self.nodes if n.host.role == "head")

    @property
    def workers(self) -> tuple[Node, ...]:
        return tuple(n for n in self.nodes if n.host.role == "worker")


def is_ip(text: str) -> bool:
    return _ip(text) is not None


def is_loopback(text: str) -> bool:
    address = _ip(text)
    return text == "localhost" if address is None else address.is_loopback


# The addresses of a cluster are asked for again and again, by each judge of each host.
@functools.lru_cache(maxsize=4096)
def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
