"""Folders that somebody else could change: no playbook has anything made, looked at or started there.

`guarded` stands around every playbook, a person's own too. With `sudo` root would write and run what another user put
there; without it, we would. `up`, `plan` and `check` refuse such a host with the reason, and do not even look below the
folder. `down` of a cluster that an earlier version put there ends its processes and leaves the files.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from dataclasses import replace

from provision.checks.ids import MODEL_FOLDER
from provision.cluster.cluster import Cluster, Node
from provision.core.finding import UNTOUCHED, Against, Finding, Severity
from provision.core.playbook import Playbook
from provision.facts import Exposed
from provision.resources.weights import Weights
from provision.stack.certificate import with_certificates
from provision.stack.former import with_former
from provision.stack.leftovers import still_running, with_leftovers
from provision.stack.other_way import with_other_way
from provision.stack.sharing import with_sharers
from provision.stack.users import with_users
from provision.weights.source import source_of

#: Why nothing can be put below a path: it is something else than a folder, or a link to nothing.
_NO_FOLDER = ("folder", "links")

_WHY = "whoever can change it decides what runs on the host, and with `sudo` what root runs"


def guarded(playbook: Callable[[Cluster], Playbook], *, removes: bool) -> Callable[[Cluster], Playbook]:
    """`playbook`, with the users that it needs, and nothing in it that touches an exposed folder. `removes`: it
    is made to be taken away."""

    def guard(cluster: Cluster) -> Playbook:
        book = _complete(playbook, removes=removes)(cluster)
        # A spare gets its environment and its weights as well.
        members = (*cluster.nodes, *cluster.spares)
        roots = {node.name: node for node in (*members, *cluster.former) if _exposed(node, "root")}
        models = {node.name for node in members if _exposed(node, "model")}
        if removes:
            # Below what is no folder there is nothing, and nobody can have changed it.
            _only_stop(book, cluster, {name: node for name, node in roots.items() if not _no_folder(node)})
            return book
        book.findings += [finding for node in members for finding in _findings(node, cluster)]
        if _only_read(cluster) and MODEL_FOLDER in cluster.inventory.accepted:
            models = set()
        if roots or models:
            kept = [s for s in book.steps if not (isinstance(s.resource, Weights) and s.host in models)]
            book.steps = [step for step in kept if step.host not in roots]
            for node in cluster.former:
                if node.name in roots:
                    book.add(still_running(cluster, node), on=node.name)
            book.proofs = []
        return book

    return guard


def _complete(playbook: Callable[[Cluster], Playbook], *, removes: bool) -> Callable[[Cluster], Playbook]:
    whole = with_users(with_certificates(playbook))
    complete = with_sharers(with_former(whole, removes=removes), removes=removes)
    return with_other_way(with_leftovers(complete, removes=removes))


def _only_stop(book: Playbook, cluster: Cluster, roots: dict[str, Node]) -> None:
    book.steps = [step for step in book.steps if step.host not in roots]
    for name, node in roots.items():
        left = f"{node.root}/clusters/{cluster.name}/{name}"
        book.add(still_running(cluster, node, left=left), on=name)
        book.findings += [_untouched(finding, left) for finding in _findings(node, cluster) if finding.fact == "root"]


def _untouched(finding: Finding, left: str) -> Finding:
    """Of an exposed `root`, for a `down`, which does not even look whether something lies in `left`."""
    said = f"{finding.said}: only processes are stopped; what lies in `{left}` stays, secrets among it"
    hint = f"{finding.hint}; then run `provision down` again"
    return replace(finding, fact=UNTOUCHED, severity=Severity.WARNING, said=said, hint=hint)


def _exposed(node: Node, use: str) -> Exposed | None:
    return node.facts.exposed.get(use) if node.facts is not None else None


def _no_folder(node: Node) -> bool:
    found = _exposed(node, "root")
    return found is not None and found.why in _NO_FOLDER


def _only_read(cluster: Cluster) -> bool:
    """Whether the model's folder is one that was there, and in which nothing is written."""
    serve = cluster.inventory.serve
    return serve is not None and source_of(serve) == "hosts"


def _findings(node: Node, cluster: Cluster) -> Iterator[Finding]:
    root, model = _exposed(node, "root"), _exposed(node, "model")
    if root is not None:
        yield _finding(node, "root", f"`root` {node.root}", root)
    # Below an exposed `root` it is the same fault.
    if model is not None and (root is None or model.path != root.path):
        folder = node.facts.model.path if node.facts is not None and node.facts.model is not None else model.path
        found = _finding(node, "model folder", f"the model's folder {folder}", model)
        if _only_read(cluster):
            accept = f"accept it: `accept: [{{id: {MODEL_FOLDER}, reason: …}}]`"
            found = replace(found, id=MODEL_FOLDER, hint=f"{found.hint}; if you trust them, {accept}")
        yield found


def _finding(node: Node, fact: str, folder: str, exposed: Exposed) -> Finding:
    place = exposed.path
    reason = {
        "owner": f"belongs to {exposed.owner}",
        "others": "can be written to by every user",
        "group": f"can be written to by the group {exposed.group}",
        "acl": "can be written to by users that its access control list names",
        "links": "is a link that leads nowhere",
        "folder": "is no folder",
    }.get(exposed.why, "cannot be looked at")
    known = f" (mode {exposed.mode}, owner {exposed.owner})" if exposed.owner.strip("-") else ""
    return Finding(
        node.name,
        "storage",
        fact,
        Severity.BLOCKS,
        found=f"{place} {reason}",
        expected="a folder" if exposed.why in _NO_FOLDER else f"of {_trusted(node, fact)} alone",
        against=Against.SOUND,
        why="environments, services and models are put below it" if exposed.why in _NO_FOLDER else _WHY,
        hint=_hint(node, fact, exposed),
        said=f"{folder} {'cannot be used' if exposed.why in _NO_FOLDER else 'is not safe'}: {place}{known} {reason}",
    )


def _trusted(node: Node, fact: str) -> str:
    facts = node.facts
    users = {"root", facts.user} if facts is not None else {"root"}
    if facts is not None and fact != "root":
        users |= {facts.login_user, node.host.services_user}
    return " or ".join(sorted(user for user in users if user))


def _hint(node: Node, fact: str, exposed: Exposed) -> str:
    other = (
        f"set hosts.{node.name}.root to a folder of your own"
        if fact == "root"
        else "move the model to a folder of your own"
    )
    place = shlex.quote(exposed.path)
    if exposed.why == "folder":
        return f"run `mv {place} {place}.old` on {node.name}, or {other}"
    if exposed.why in ("others", "group") and not exposed.mode.startswith("1"):
        if fact == "root" and f"{exposed.path}/".startswith(f"{node.root}/"):
            # What was made in it is open as well, most likely.
            return f"run `sudo chmod -R go-w {shlex.quote(node.root)}` on {node.name}, or {other}"
        return f"run `sudo chmod go-w {place}` on {node.name}, or {other}"
    if exposed.why == "acl":
        return f"run `sudo setfacl -b {place}` on {node.name}, or {other}"
    if exposed.why == "owner" and node.facts is not None:
        return (
            f"{other}, or run `sudo chown {shlex.quote(node.facts.user)} {place}` on {node.name} if all in it is yours"
        )
    return other
