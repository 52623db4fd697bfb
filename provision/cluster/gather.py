"""The hosts as they are: connected to, asked for their facts, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from provision.cluster.cluster import Cluster, Node
from provision.core.errors import HostError, Unreachable
from provision.core.events import silent
from provision.core.plan import Mode
from provision.core.playbook import Playbook
from provision.core.secret import Secret
from provision.engine.run import Job, Run
from provision.environment.lockfile import Lock
from provision.inventory.models import Inventory
from provision.transport.target import load_config, resolve


def ask(inventory: Inventory, *, sudo_password: Secret | None = None, cancel: threading.Event | None = None) -> Cluster:
    """The inventory joined with the facts of all hosts. Raises the error of a host that could not be asked."""
    seen: list[Cluster] = []

    def playbook(cluster: Cluster) -> Playbook:
        seen.append(cluster)
        return Playbook()

    job = Job("ask", Mode.CHECK, False, inventory, playbook, _no_lock(inventory), sudo_password=sudo_password)
    report = Run(job, silent, cancel or threading.Event()).execute()
    for error in sorted(report.errors, key=lambda error: not isinstance(error, Unreachable)):
        raise error
    for node in seen[0].nodes:
        if node.chosen is not None and node.chosen.problem:
            raise HostError(node.name, node.chosen.problem, evidence=node.chosen.evidence, hint=node.chosen.hint)
    return seen[0]


def unasked(inventory: Inventory) -> Cluster:
    """The inventory without the facts of any host."""
    return Cluster(inventory, tuple(Node(host, None) for host in inventory.hosts), _no_lock(inventory), {})


def ssh_ports(inventory: Inventory) -> Mapping[str, int]:
    """Host → the port that SSH goes to: as the inventory says, or ssh_config. Raises OSError, Unreachable."""
    return {host.name: resolve(host, load_config(host.ssh.config)).port for host in inventory.hosts}


def _no_lock(inventory: Inventory) -> Lock:
    python = inventory.python
    return Lock(inventory.lock_path, "", python.version, python.platform, {}, {}, "unlocked")
