"""What `up` has made on a host before `sudo` was changed in the inventory is told of, with what takes it away."""

from __future__ import annotations

from collections.abc import Callable

from provision.cluster.cluster import Cluster, Node
from provision.cluster.other_way import FACT, OtherWay, other_way_on
from provision.core.finding import Against, Finding, Severity
from provision.core.playbook import Playbook
from provision.resources.ports import PortsFree

_WHY = "keys and Ray's token stay there, and no `down` looks there with the inventory as it is now"
_WHY_RUNS = "it holds ports, memory and GPUs, and only root can stop it"

#: What findings are called about programs that show nobody's mark.
_UNKNOWN = ("other Ray", "other vLLM")


def with_other_way(playbook: Callable[[Cluster], Playbook]) -> Callable[[Cluster], Playbook]:
    """`playbook`, which tells what of the cluster its hosts have from before `sudo` was changed."""

    def complete(cluster: Cluster) -> Playbook:
        book = playbook(cluster)
        found = {
            node.name: _finding(node, seen) for node in cluster.nodes if (seen := other_way_on(node, cluster.name))
        }
        stuck = {name for name, finding in found.items() if finding.blocks}
        # It is told once, as what it is: to who asks, root's processes show no mark.
        book.findings = [f for f in book.findings if f.host not in stuck or f.fact not in _UNKNOWN]
        book.steps = [s for s in book.steps if s.host not in stuck or not isinstance(s.resource, PortsFree)]
        book.findings += found.values()
        return book

    return complete


def _finding(node: Node, seen: OtherWay) -> Finding:
    sudo = node.facts is not None and node.facts.uid == 0
    before, setting = ("without", "false") if sudo else ("with", "true")
    stuck = bool(seen.runs) and not sudo
    again = f"`provision up` with `sudo: {'true' if sudo else 'false'}`"
    purge = f"`provision down --purge` with `sudo: {setting}`"
    # Who logs in can stop nothing of root's; root ends all of the cluster.
    first = "`provision down`, " if sudo and seen.again else ""
    evidence = [*seen.units, *([f"{seen.base}: {', '.join(seen.entries)}"] if seen.entries else []), seen.environment]
    return Finding(
        node.name, "services", FACT, Severity.BLOCKS if stuck else Severity.WARNING,
        against=Against.SOUND, why=_WHY_RUNS if stuck else _WHY, evidence=tuple(filter(None, evidence)),
        said=f"what `up` made {before} `sudo` is still there: {', '.join(seen.parts())}",
        # Somebody else's cluster may have the same name there.
        hint=f"if `sudo` was changed in this inventory: {first}{purge}, then {again}",
    )  # fmt: skip
