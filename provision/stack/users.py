"""Whom services run as, and where that user's folders are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from provision.cluster.cluster import Cluster, Node
from provision.core.playbook import Playbook, Step
from provision.core.resource import Resource
from provision.resources.service import Service
from provision.resources.system_user import SYSTEM_FOLDER, SystemUser, home_of

_NO_SETPRIV = "install the package util-linux on {host} (Alpine: setpriv), or set hosts.{host}.sudo to false"
_NO_CAPABILITY = "{host} is a container: have it started with them (`--cap-add`), or set hosts.{host}.sudo to false"


def service_user(node: Node) -> str:
    """Where root starts the services; empty where whoever logs in does."""
    return (node.host.services_user or node.facts.login_user) if node.facts and node.facts.uid == 0 else ""


def system_user(cluster: Cluster, node: Node) -> SystemUser | None:
    """None where services run as whoever logs in."""
    name = service_user(node)
    if node.facts is None or name in ("", node.facts.login_user):
        return None
    claim = f"{cluster.name}@{node.name}"
    return SystemUser(name, claim, chosen=node.host.run_as is not None, reach=node.root)


def of_the_user(cluster: Cluster, node: Node) -> dict[str, str]:
    """The variables that tell a service who it is."""
    made = system_user(cluster, node)
    if made is not None:
        home = home_of(made.name)
        # vLLM's sockets and torch's caches: in /tmp their names are for anyone to take.
        return {"HOME": home, "USER": made.name, "TMPDIR": f"{home}/tmp"}
    facts = node.facts
    return {"HOME": facts.login_home if facts else "", "USER": facts.login_user if facts else ""}


def scratch(cluster: Cluster, node: Node) -> tuple[str, str]:
    """The folder for Ray's temporary one, and where that was in earlier versions (empty: there, too). Short, because
    Ray puts sockets below it whose paths may have 107 bytes; not /tmp/ray, which users of one host fight over
    (ray#3899). With root not in /run, which is a tenth of the host's memory, and closed to programs on Debian: Ray
    writes its logs there, what does not fit into its object store, and the environments of its jobs."""
    name = hashlib.sha256(f"{cluster.name}/{node.name}/{node.root}".encode()).hexdigest()[:10]
    former = f"/tmp/provision-{name}"
    return (f"{SYSTEM_FOLDER}/{name}", former) if service_user(node) else (former, "")


def find_user(book: Playbook, node: Node) -> None:
    """What keeps services from running as the user who is asked for."""
    facts = node.facts
    if facts is None:
        return
    if node.host.run_as and facts.uid != 0:
        hint = f"set hosts.{node.name}.sudo to true, or leave `run_as` out"
        book.block(f"`run_as: {node.host.run_as}` needs root", host=node.name, hint=hint)
    if facts.uid == 0 and node.host.sudo and not node.host.run_as and facts.login_user == node.host.services_user:
        book.block(
            f"services would run as {facts.login_user}, who logs in and may become root",
            host=node.name,
            hint=f"set `run_as` to a name that is free on {node.name}, or to `{facts.login_user}` if that is meant",
        )
    if facts.uid == 0 and service_user(node) != facts.user and facts.lacks:
        without = " and ".join(facts.lacks)
        hint = _NO_SETPRIV if "setpriv" in facts.lacks else _NO_CAPABILITY
        book.block(
            f"root has no {without} here, and cannot do without for services that run as {service_user(node)}",
            host=node.name,
            hint=hint.format(host=node.name),
        )


def with_users(playbook: Callable[[Cluster], Playbook]) -> Callable[[Cluster], Playbook]:
    """`playbook`, with a step for the user on every host where something is that user's, before all others there: also
    for one that was written before there were such users, and does not mention them."""

    def complete(cluster: Cluster) -> Playbook:
        book = playbook(cluster)
        resources = book.by_host()
        for node in cluster.nodes:
            user = system_user(cluster, node)
            here = resources.get(node.name, [])
            if user is None or any(resource.id == user.id for resource in here):
                continue
            if any(_owner(resource) == user.name for resource in here):
                book.steps.insert(0, Step(node.name, user))
        return book

    return complete


def _owner(resource: Resource) -> str:
    return resource.place.user if isinstance(resource, Service) else str(getattr(resource, "owner", ""))
