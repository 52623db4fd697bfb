"""Which folder `serve.model` means where it is a path, and this machine has a model there: this one, or the hosts'.

What is there decides. A host that has the path serves what it has; where none has it, the folder is sent. Where both
have it, and it is not the same, nobody can tell which was meant, and a check says so. Pure, but for the folder here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from provision.cluster.cluster import Cluster, Node
from provision.core.finding import Against, Finding, Severity
from provision.core.wording import download
from provision.facts.model import ModelFolder
from provision.facts.model_folder import digest_of_sizes
from provision.weights.here import as_sent, here, sent_to, sizes_of


def with_model_folder(cluster: Cluster, *, say: bool = True) -> Cluster:
    """The cluster with its model settled. `say`: whether it is told which was taken."""
    serve = cluster.inventory.serve
    folder = here(serve)
    known = [node for node in cluster.nodes if node.facts is not None]
    if serve is None or folder is None or not known:
        return cluster
    if any(is_its_own(cluster, node) for node in known):
        if list(differing(cluster)):
            return cluster
        same = all(node.facts is None or node.facts.model is None or node.facts.model.digest for node in known)
        as_far = "the same by names and sizes" if same else "with too many files to be compared"
        said = f"{serve.model} is on the hosts and here, {as_far}: the hosts serve their own"
        return replace(cluster, model_folder=said if say else "")
    said = f"{serve.model} is here, and on no host: it is sent to {sent_to(serve, known[0].root)}"
    inventory = cluster.inventory.model_copy(update={"serve": as_sent(serve, folder)})
    return replace(cluster, inventory=inventory, model_folder=said if say else "")


def differing(cluster: Cluster) -> Iterator[Finding]:
    """A host that has another model at the path than this machine."""
    serve = cluster.inventory.serve
    folder = here(serve)
    ours = _listed(folder) if folder is not None else None
    if serve is None or ours is None:
        return
    for node in cluster.nodes:
        theirs = node.facts.model if node.facts else None
        if theirs is None or not theirs.digest or not is_its_own(cluster, node) or ours.digest == theirs.digest:
            continue
        yield Finding(
            node.name,
            "storage",
            "model folder",
            Severity.BLOCKS,
            found=_size(theirs),
            expected=_size(ours),
            against=Against.INVENTORY,
            why="only one of the two can be meant, and the other would answer differently, or not at all",
            hint=f"`weights: {{source: hosts}}` in `serve` serves what the hosts have, "
            f"`weights: {{path: {serve.model}}}` sends what is here to {serve.model}; or move one of them away",
            said=f"{serve.model} is another folder here than on {node.name}: here {_size(ours)}, there {_size(theirs)}",
        )


def is_its_own(cluster: Cluster, node: Node) -> bool:
    """Whether `serve.model` exists on the host; otherwise it was asked about the folder that would be sent."""
    serve, model = cluster.inventory.serve, node.facts.model if node.facts else None
    return serve is not None and model is not None and model.there and model.path != sent_to(serve, node.root)


def _listed(folder: Path) -> ModelFolder | None:
    """None if it cannot be read."""
    try:
        sizes = sizes_of(folder)
    except OSError:
        return None
    return ModelFolder(str(folder), True, len(sizes), sum(sizes.values()), digest_of_sizes(sizes))


def _size(model: ModelFolder) -> str:
    amount = download(model.bytes) if model.bytes > 10**9 else f"{model.bytes} bytes"
    return f"{model.files} files of {amount}"
