"""Protection that the inventory switches off: one finding each, which can be accepted."""

from __future__ import annotations

from collections.abc import Iterator

from provision.checks.protections_table import PROTECTIONS, Protection, Setting, settings_of
from provision.cluster.cluster import Cluster
from provision.core.finding import Against, Finding, Severity
from provision.weights.files import ModelFiles


def of_protections(cluster: Cluster) -> Iterator[Finding]:
    """One for the cluster where all hosts have it so, or it is about the server; else one for each host."""
    names = [node.name for node in cluster.nodes]
    model = _model(cluster)
    settings = {name: settings_of(cluster.inventory, name, model) for name in names}
    for one in PROTECTIONS:
        seen = {name: found for name in names if (found := tuple(dict.fromkeys(one.seen(settings[name]))))}
        shared = {setting for found in seen.values() for setting in found if _of_the_cluster(setting)}
        if shared or len(seen) == len(names):
            every = dict.fromkeys(setting for found in seen.values() for setting in found)
            yield _finding("", one, tuple(every))
        else:
            yield from (_finding(name, one, found) for name, found in seen.items())


def _of_the_cluster(setting: Setting) -> bool:
    return setting[0].startswith(("serve.", "secrets.", "the model"))


def _model(cluster: Cluster) -> ModelFiles | None:
    """As the head has it, where it does; else as it was seen before."""
    facts = cluster.head.facts
    folder = facts.model if facts is not None else None
    if folder is not None and folder.files:
        return ModelFiles(pickles=folder.pickles)
    return cluster.model


def _finding(host: str, one: Protection, found: tuple[Setting, ...]) -> Finding:
    return Finding(
        host,
        one.area,
        one.id,
        Severity.WARNING,
        found=found[0][1],
        against=Against.SOUND,
        why=one.why,
        hint=f"{one.hint}; or accept it: `accept: [{{id: {one.id}, reason: …}}]`",
        evidence=tuple(f"{place}: {value}" for place, value in found),
        said=one.said,
        id=one.id,
    )
