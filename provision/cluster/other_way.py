"""What `up` has made on a host before `sudo` was changed in the inventory: asked for with the facts, since it lies
elsewhere, and no step looks there any more."""

from __future__ import annotations

from collections.abc import Mapping

from provision.cluster import existing
from provision.cluster.cluster import Node
from provision.core.mark import Mark
from provision.core.script import Script
from provision.core.values import dataclass
from provision.inventory.models import Inventory
from provision.payload.bundle import shell

#: By what name its answer is kept with the facts, and what a finding about it is called.
FACT = "other way of sudo"


def asked(inventory: Inventory) -> Mapping[str, Script]:
    """By fact, what the hosts are asked that is the inventory's own."""
    return {**existing.question(inventory), **question(inventory.cluster)}


def question(cluster: str) -> Mapping[str, Script]:
    """What the hosts are asked about it with their facts."""
    return {FACT: Script(shell("files/other_way.sh"), {"cluster": cluster})}


@dataclass(frozen=True)
class OtherWay:
    """`runs`: services. `units`: files. `entries`: of the cluster's folder on the host. `environment`: the link to the
    one that it uses. `again`: there is something of the way of now as well."""

    base: str
    runs: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    entries: tuple[str, ...] = ()
    environment: str = ""
    again: bool = False

    def parts(self) -> list[str]:
        kept = [entry for entry in self.entries if entry != "image"]
        found = [f"services that run ({', '.join(self.runs)})"] if self.runs else []
        found += ["units of systemd"] if self.units else []
        found += ["keys and logs of services"] if kept else []
        if "image" in self.entries:
            return [*found, "an image"]
        return [*found, "an environment"] if self.environment else found


def other_way_on(node: Node, cluster: str) -> OtherWay | None:
    """None where nothing of it was seen."""
    printed = node.facts.printed.get(FACT, "") if node.facts is not None else ""
    lines = [words for line in printed.split("\n") if len(words := line.split("\t")) > 1]
    base = next((line[1] for line in lines if line[0] == "base" and len(line) == 2), "")
    if not base or base == node.root:
        return None
    runs: list[str] = []
    units: list[str] = []
    entries, environment, again = [], "", False
    for kind, *words in lines:
        mark = Mark.parse(words[0]) if kind in ("runs", "unit") else None
        if mark is not None and (mark.cluster, mark.host) == (cluster, node.name):
            (runs if kind == "runs" else units).append(mark.service if kind == "runs" else words[-1])
        elif kind == "there" and words[0].startswith(f"{node.name}/"):
            entries.append(words[0].partition("/")[2])
        elif kind == "now":
            again = again or words[0] == node.name
        elif kind == "environment":
            environment = words[0]
    found = OtherWay(base, tuple(sorted({*runs})), tuple(units), tuple(entries), environment, again)
    return found if found.parts() else None
