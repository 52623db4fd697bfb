"""What nvidia-smi and the kernel tell of GPUs that are not well, and of who uses them.

A trouble that shows in several facts is said once: the counters of a GPU before the kernel's log of the same, and
nothing of what an nvidia-smi that fails (provision.judge.expected) explains already.
"""

from __future__ import annotations

from collections.abc import Iterable

from provision.cluster import Cluster
from provision.facts import Facts
from provision.finding import Against, Finding, Severity
from provision.judge.expected import faulty, lacks_gpus
from provision.judge.gpu_health import of_health, waits_for_fabric
from provision.judge.gpu_use import of_use
from provision.judge.xid import evidence_of, of_xids

#: Part of a GPU's name → links that it has on the chip, but not on the board. Source: azurehpc-health-checks#162.
NOT_WIRED = {"H100 PCIe": 6}


def of_gpus(cluster: Cluster) -> Iterable[Finding]:
    """At most one finding for each host and fact; nothing for hosts without GPUs."""
    for node in cluster.nodes:
        facts = node.facts
        if facts is None:
            continue
        found = of_health(node.name, facts, serving=cluster.inventory.serve is not None)
        if not facts.gpu_fault:
            found += _module(node.name, facts)
        found += _links(node.name, facts)
        found += _fabric_manager(node.name, facts)
        found += of_use(cluster, node, facts)
        yield from found
        said = {finding.fact for finding in found}
        if faulty(node) or lacks_gpus(node):
            said |= {"nvidia-smi", "GPUs"}
        yield from of_xids(node.name, facts, said)


def _module(host: str, facts: Facts) -> list[Finding]:
    """The kernel module against the driver's other half. nvidia-smi may still answer: from a container, for example."""
    module = facts.driver_module
    other = next((v for v in (facts.driver_library, facts.driver) if v and module and v != module), None)
    if other is None:
        return []
    return [
        Finding(
            host,
            "drivers",
            "kernel module",
            Severity.BLOCKS,
            found=module or "",
            expected=other,
            against=Against.SOUND,
            why="after an upgrade of the driver's packages the old module stays loaded, and no new program gets a GPU: "
            "Driver/library version mismatch",
            hint=f"reboot {host}; `nvidia` in its `Unattended-Upgrade::Package-Blacklist` keeps it from coming back",
            said=f"the loaded kernel module is `{module}`, the driver's library on disk `{other}`",
        )
    ]


def _links(host: str, facts: Facts) -> list[Finding]:
    """Links that are down on a GPU which uses others. A GPU without any is not bridged, unless it alone is."""
    names = {gpu.index: gpu.name for gpu in facts.gpus}
    linked = sum(active > 0 for _, active, _ in facts.nvlinks)
    alone = len(facts.nvlinks) > 2 and linked == len(facts.nvlinks) - 1
    broken = [
        (index, active, down)
        for index, active, down in facts.nvlinks
        if down > _not_wired(names.get(index, "")) and (active or alone)
    ]
    if not broken:
        return []
    texts = [f"{down} of {active + down} links down (GPU {index})" for index, active, down in broken]
    return [
        Finding(
            host,
            "gpus",
            "NVLink",
            Severity.WARNING,
            found="; ".join(texts),
            expected="all links up",
            against=Against.SOUND,
            why="traffic between the GPUs is slower, or takes the way through PCIe",
            hint=f"run `nvidia-smi nvlink -s` on {host}; reset its GPUs or reboot it, then look at bridge and switch",
            evidence=evidence_of("NVLink", facts),
            said=f"NVLink: {'; '.join(texts)}",
        )
    ]


def _not_wired(name: str) -> int:
    return next((links for part, links in NOT_WIRED.items() if part in name), 0)


def _fabric_manager(host: str, facts: Facts) -> list[Finding]:
    """Where the GPUs have not joined their fabric, that is said instead, with what systemd says as evidence."""
    if facts.fabric_manager != "failed" or any(waits_for_fabric(gpu) for gpu in facts.gpus):
        return []
    return [
        Finding(
            host,
            "drivers",
            "fabric manager",
            Severity.WARNING,
            found=facts.fabric_manager,
            expected="active",
            against=Against.SOUND,
            why="GPUs behind NVSwitches need it to join their fabric, after each reset and each reboot",
            hint=f"run `systemctl status nvidia-fabricmanager` on {host}; its version must be that of the driver",
        )
    ]
