"""What of the hosts does not fit the environment that they are to get, as far as it is known before it is built."""

from __future__ import annotations

from provision.cluster.cluster import Cluster, Node
from provision.core.finding import LOCK, Finding, Severity
from provision.core.playbook import Playbook
from provision.environment.distributions import how_to_install
from provision.environment.lockfile import ABSENT, Lock
from provision.environment.locks import BROKEN
from provision.environment.python_version import number, suits
from provision.environment.wheels import misfit
from provision.facts import Facts
from provision.facts.model import PythonFound
from provision.inventory.models import Python


def find_lock(book: Playbook, lock: Lock) -> None:
    """Only when looking: `up` has made it by now. The hosts are compared with the old one, where there is one."""
    if not lock.stale:
        return
    if lock.packages and lock.stale != ABSENT:
        said = f"the lock `{lock.path.name}` was {lock.stale}"
        why = "it says what every host installs; newer settings of the inventory are on no host"
        hint = "`provision up` recreates it and installs from it, `provision lock` only makes it"
    elif lock.stale.startswith(BROKEN):
        said = lock.stale.removeprefix(BROKEN)
        why = "what every host should have is not known; the hosts are compared with each other"
        hint = "`provision lock` writes it anew"
    else:
        said = f"there is no lock `{lock.path.name}`"
        why = "it says which version of each package every host installs"
        hint = "`provision up` makes it and installs from it, `provision lock` only makes it"
    drift = Severity.DRIFT
    found = Finding("", "packages", LOCK, drift, found=lock.stale, said=said, why=why, hint=hint)
    book.findings.append(found)


def compare_roots(book: Playbook, cluster: Cluster) -> None:
    """It works, since each node starts its ranks from its own; but paths in logs and by hand then differ."""
    head = cluster.head
    for node in cluster.workers:
        if node.facts is not None and head.facts is not None and node.root != head.root:
            text = f"the environment lies below {node.root} here, below {head.root} on {head.name}: set `root`"
            book.note(text, host=node.name)


def find_platform(book: Playbook, node: Node, facts: Facts, python: Python) -> None:
    hint = "set python.platform to what the oldest of the hosts has, and lock again"
    unfit = misfit(python.platform, facts.arch, facts.glibc)
    if unfit == "architecture":
        message = f"its architecture is `{facts.arch}`, the environment is locked for `{python.platform}`"
        book.block(message, host=node.name, hint=hint)
    elif unfit == "glibc":
        message = f"its glibc is `{facts.glibc}`, older than `{python.platform}` that the environment is locked for"
        book.block(message, host=node.name, hint=hint)


def python_to_bring(cluster: Cluster, facts: Facts | None) -> str:
    """The version of the Python that a host is sent, where packages are sent: none if it has one that fits. The patch
    version that the others have, if there is one: Ray refuses a node with another (ray#44063)."""
    python = cluster.inventory.python
    if python.wheels != "controller" or facts is None or _fitting(facts, python):
        return ""
    others = {found.patch for node in cluster.nodes if node.facts for found in _fitting(node.facts, python)}
    return others.pop() or python.version if len(others) == 1 else python.version


def _fitting(facts: Facts, python: Python) -> list[PythonFound]:
    return [found for found in facts.pythons if suits(found.patch or found.version, python.version)]


def instead_of_bringing(cluster: Cluster, node: Node, facts: Facts | None) -> str:
    """What a person can do about a Python that a host lacks."""
    version = cluster.inventory.python.version
    shared = max(cluster.common_pythons, key=number, default="")
    other = f'set `python.version: "{shared}"`, which every host has' if shared else "choose another python.version"
    typed = how_to_install(facts.os_id, facts.os_version, version) if facts is not None else ""
    how = f"on {node.name}: `{typed}`" if typed else f"install Python {version} on {node.name}"
    return f"{how}, or {other}"
