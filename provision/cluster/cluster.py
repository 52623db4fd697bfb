"""The inventory and the facts, joined: what a playbook is a function of."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from provision.cluster.addresses import Chosen, alone, interface_of
from provision.cluster.networks import is_ip, is_loopback
from provision.core.secret import Secret
from provision.core.values import dataclass
from provision.environment.lockfile import Lock
from provision.facts import Facts
from provision.inventory.models import Host, Inventory
from provision.weights.files import ModelFiles

__all__ = ["Cluster", "Node", "is_ip", "is_loopback"]


@dataclass(frozen=True)
class Node:
    """One host with what is known of it. `facts` is None for a host that was not contacted: outside
    `--limit`, or unreachable. Its steps can be declared, but nothing is observed or changed there. `chosen`: its
    address for the others, as chosen for all hosts together; None to go by this host alone."""

    host: Host
    facts: Facts | None
    chosen: Chosen | None = None

    @property
    def name(self) -> str:
        return self.host.name

    @property
    def node_ip(self) -> str:
        """What the other nodes talk to (provision.cluster.addresses). While that is not known, the SSH address."""
        return self._address.address or self.host.address

    @property
    def interface(self) -> str:
        """The interface that holds `node_ip`; empty if none does."""
        return self._address.interface

    def interface_of(self, address: str) -> str:
        return interface_of(self.facts, address) if self.facts else ""

    @property
    def address_known(self) -> bool:
        return bool(self._address.address)

    @functools.cached_property
    def _address(self) -> Chosen:
        return self.chosen or alone(self.host, self.facts)

    @property
    def root(self) -> str:
        """The folder below which everything of ours lives, absolute where the home folder is known."""
        return self.facts.root if self.facts else self.host.base

    @property
    def gpus(self) -> int:
        return len(self.facts.gpus) if self.facts else 0

    @property
    def gpus_meant(self) -> int:
        """What the inventory promises, where it does: with another count `up` does not begin, and while nvidia-smi does
        not answer the cluster is still meant to have them."""
        promised = self.host.expect.gpus
        return self.gpus if promised is None else promised


@dataclass(frozen=True)
class Cluster:
    """`secrets` holds what the inventory's `secrets` name, by name. `deep`: compare the files of the environments
    with their hashes, not only the packages' names. `model`: what the controller knows of the model; None if it did not
    look. `former`: hosts that were members, and are no longer in the inventory; `renamed`: what the cluster was called
    before; `spares`: hosts that are prepared, and run nothing. `model_folder`: which folder was taken, where
    `serve.model` could mean one here or one of the hosts."""

    inventory: Inventory
    nodes: tuple[Node, ...]
    lock: Lock
    secrets: Mapping[str, Secret]
    deep: bool = False
    model: ModelFiles | None = None
    former: tuple[Node, ...] = ()
    renamed: tuple[str, ...] = ()
    spares: tuple[Node, ...] = ()
    model_folder: str = ""

    @property
    def name(self) -> str:
        return self.inventory.cluster

    @property
    def python(self) -> str:
        """The version of Python that programs run with: as the inventory has it, or as an existing environment does."""
        python = self.inventory.python
        return self.lock.python if python.existing and self.lock.python else python.version

    @functools.cached_property
    def head(self) -> Node:
        return next(n for n in self.nodes if n.host.role == "head")

    @functools.cached_property
    def common_pythons(self) -> frozenset[str]:
        """The versions of Python that each host has; none where no host was contacted."""
        found = [frozenset(p.version for p in n.facts.pythons) for n in self.nodes if n.facts is not None]
        return frozenset.intersection(*found) if found else frozenset()

    @functools.cached_property
    def gpus_meant(self) -> int:
        """Of all hosts together."""
        return sum(node.gpus_meant for node in self.nodes)

    @functools.cached_property
    def ranks(self) -> Mapping[str, int]:
        """Host → its place among them where one process runs on each: the head's is the first."""
        others = [node.name for node in self.nodes if node is not self.head]
        return {name: place for place, name in enumerate((self.head.name, *others))}

    @functools.cached_property
    def node_ips(self) -> str:
        """Of all hosts, in words."""
        return ", ".join(node.node_ip for node in self.nodes)

    @property
    def workers(self) -> tuple[Node, ...]:
        return tuple(n for n in self.nodes if n.host.role == "worker")
