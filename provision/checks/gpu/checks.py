"""Judges what nvidia-smi and the kernel report of unhealthy GPUs, and of the processes that use them.

A trouble that shows in several facts is said once: the counters of a GPU before the kernel's log of the same, and
nothing of what an nvidia-smi that fails (provision.checks.expectations) explains already.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from provision.checks.gpu.answering import faulty, lacks_gpus
from provision.checks.gpu.health import NO_FABRIC, of_health, waits_for_fabric
from provision.checks.gpu.memory import of_use
from provision.checks.gpu.xid import evidence_of, of_xids
from provision.cluster.cluster import Cluster
from provision.core.finding import Against, Finding, Severity
from provision.facts import Facts, Gpu


def of_gpus(cluster: Cluster) -> Iterable[Finding]:
    """At most one finding for each host and fact; nothing for hosts without GPUs."""
    serve = cluster.inventory.serve
    wanted = serve.gpus if serve else 0
    everywhere = [gpu for node in cluster.nodes if node.facts for gpu in node.facts.gpus]
    for node in cluster.nodes:
        facts = node.facts
        if facts is None:
            continue
        found = of_health(node.name, facts, everywhere, wanted)
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
    """The kernel module against the driver's other half. Where nvidia-smi answers as the module, it has found a library
    that fits, so that the one on disk is a second one: from a container's image, or an older installation."""
    module, library = facts.driver_module, facts.driver_library
    other = next((v for v in (facts.driver, library) if v and module and v != module), None)
    if other is None:
        return []
    if module == facts.driver:
        return [
            Finding(
                host,
                "drivers",
                "driver library",
                Severity.WARNING,
                found=other,
                expected=module or "",
                against=Against.SOUND,
                why="a program that finds this one gets no GPU: Driver/library version mismatch",
                hint=f"run `ldconfig -p | grep -E 'libcuda|nvidia-ml'` on {host}, and remove the older packages",
                said=f"a second driver library, `{other}`, is installed beside the driver's own, `{module}`",
            )
        ]
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
    """Links that are down on a GPU which uses others. A GPU without any is not bridged, unless it alone is: bridges
    join pairs. Where all GPUs use the same part of theirs, and no fabric wants all, the board has no more: H100 PCIe,
    or two GPUs with one bridge of three. One in MIG instances has none in use, and loses nothing by it."""
    gpus = {gpu.index: gpu for gpu in facts.gpus}
    cut = {gpu.index for gpu in facts.gpus if gpu.mig}
    links = [each for each in facts.nvlinks if each[0] not in cut]
    linked = sum(active > 0 for _, active, _ in links)
    alone = len(links) > 2 and len(links) % 2 == 0 and linked == len(links) - 1
    most = max((active for _, active, _ in links), default=0)
    broken = [
        (index, active, down)
        for index, active, down in links
        if down and (active or alone) and (active < most or (index in gpus and on_switches([gpus[index]])))
    ]
    texts = [f"{down} of {active + down} links down (GPU {index})" for index, active, down in broken]
    counted = {index for index, _, _ in broken}
    texts += [
        f"none to the other GPUs (GPU {index})" for index in unlinked(facts.topology) if index not in counted | cut
    ]
    if not texts:
        return []
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
            hint=f"run `nvidia-smi nvlink -s` on {host}; reset its GPUs or reboot it, then check bridge and switch",
            evidence=evidence_of("NVLink", facts),
            said=f"NVLink: {'; '.join(texts)}",
        )
    ]


def unlinked(matrix: Sequence[Sequence[str]]) -> list[int]:
    """GPUs that NVLink joins to no other, on a board where it joins all of the others to each other. Bridges join two
    or, on few boards, four: where only two of three are joined, that is how it was built."""
    every = range(len(matrix))

    def joined(one: int, other: int) -> bool:
        return matrix[one][other].startswith("NV")

    alone = [one for one in every if not any(joined(one, other) for other in every if other != one)]
    rest = [one for one in every if one not in alone]
    whole = all(joined(one, other) for one in rest for other in rest if one != other)
    return alone if whole and len(rest) >= 3 and len(rest) > len(alone) else []


def on_switches(gpus: Sequence[Gpu]) -> bool:
    """Whether they are surely behind NVSwitches: they tell of their fabric; or they are boards that are sold in eights
    with switches, and tell nothing of a fabric, as A100 do."""
    return any(gpu.fabric_state not in NO_FABRIC for gpu in gpus) or (
        len(gpus) > 4 and any("SXM4" in gpu.name or "SXM3" in gpu.name for gpu in gpus)
    )


def _fabric_manager(host: str, facts: Facts) -> list[Finding]:
    """Where the GPUs have not joined their fabric, that is said instead, with what systemd says as evidence. Without
    NVSwitches it fails wherever it is installed (gpu-operator#610: NV_WARN_NOTHING_TO_DO), as in images of clouds."""
    if facts.fabric_manager != "failed" or not on_switches(facts.gpus):
        return []
    if any(waits_for_fabric(gpu) for gpu in facts.gpus):
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
