"""What of the hosts does not fit the environment that they are to get, as far as it is known before it is built."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from provision.cluster.cluster import Cluster, Node
from provision.core.finding import LOCK, Finding, Severity, blocker
from provision.core.playbook import Playbook
from provision.environment.lockfile import ABSENT, Lock
from provision.environment.locks import BROKEN
from provision.environment.python_version import number, suits
from provision.environment.wheels import misfit
from provision.facts import Facts
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


def newest_of_all(known: Collection[Facts]) -> str:
    """The newest Python that each of these hosts has; empty where there is none."""
    versions = [{python.version for python in facts.pythons} for facts in known]
    return max(set.intersection(*versions), key=number, default="") if versions else ""


def find_python(book: Playbook, host: str, facts: Facts, python: Python, shared: str) -> None:
    """Where it cannot be fetched. `shared`: the newest that all hosts have."""
    there = [found.patch or found.version for found in facts.pythons]
    if python.wheels != "controller" or any(suits(version, python.version) for version in there):
        return
    other = f'set `python.version: "{shared}"`, which every host has' if shared else "choose another python.version"
    none = blocker(
        host,
        f"it has no Python {python.version}, and no way to fetch one",
        evidence=[f"found: {', '.join(sorted(set(there), key=number)) or 'none'}"],
        hint=f"install Python {python.version} on {host}, or {other}",
        area="packages",
    )
    # An environment whose Python is gone is the same fault.
    book.findings.append(replace(none, fact="host Python"))
