"""Facts against the inventory: what `expect` says of the driver and the GPUs, and an nvidia-smi that does not answer.

Never fixed from here: a driver wants a person and often a reboot, so a mismatch blocks `up` before any host is
changed.
"""

from __future__ import annotations

from collections.abc import Iterable

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from provision.checks.gpu.answering import all_answer, answering, expects_gpus, faulty
from provision.checks.gpu.xid import evidence_of
from provision.cluster.cluster import Cluster, Node
from provision.core.finding import Finding, Severity
from provision.facts import Facts
from provision.inventory.models import Expect

UPDATE = "update the driver on {host}, reboot it, then run `provision check`"
OTHER = "install a driver on {host} that is `{wanted}`, reboot it, then run `provision check`"
COUNT = "run `nvidia-smi -L` and `dmesg | grep -i xid` on {host}: a GPU has fallen off the bus, or is hidden"
MORE = "set `expect.gpus` of {host} to {found}, if they belong there"
MODEL = "set `expect.gpu` of {host} to what it has, or take {host} out of the inventory"

#: Kind of fault (provision.facts.gpus.FAULTS) → why it is so, and what to do.
FAULTS = {
    "missing": (
        "the driver is not installed, or nvidia-smi is not in PATH",
        "install the NVIDIA driver on {host}, reboot it, then run `provision check`",
    ),
    "hung": (
        "the driver is stuck in the kernel, often behind a GPU that fell off the bus; what uses a GPU hangs as well",
        "run `sudo dmesg | grep -iE 'nvrm|xid'` on {host}, then reboot it",
    ),
    "flooded": (
        "it is no list of GPUs: a wrapper in its place, or a driver that prints what it logs",
        "run `nvidia-smi | head -n 20` on {host}, and `command -v nvidia-smi`",
    ),
    "mismatch": (
        "the driver's packages were upgraded (unattended upgrades do that), the old kernel module is still loaded",
        "reboot {host}; `nvidia` in its `Unattended-Upgrade::Package-Blacklist` keeps it from coming back",
    ),
    "lost": (
        "a GPU no longer answers on its bus, and processes on the other GPUs may hang too",
        "run `sudo dmesg | grep -i xid` on {host}, then reboot it; if it comes back, have GPU and slot inspected",
    ),
    "no-devices": (
        "the driver is loaded but finds no GPU: not plugged in, passed through to a virtual machine, or hidden",
        "run `lspci -d 10de:` and `sudo dmesg | grep -i nvrm` on {host}",
    ),
    "no-driver": (
        "the kernel module is not loaded: not built for the kernel {kernel}, or refused by Secure Boot",
        "run `sudo modprobe nvidia; sudo dmesg | tail` on {host}, and install the driver for its kernel",
    ),
    "no-library": (
        "the driver's libraries are not there: half installed, or not passed into this container",
        "run `ldconfig -p | grep nvidia-ml` on {host}, then install the driver again",
    ),
    "no-permission": (
        "{user} has no permission to open the GPU devices",
        "run `ls -l /dev/nvidia*` on {host}, and put {user} into the group that may (`video`, `render`)",
    ),
}  # fmt: skip
#: On a host of which nothing is expected these may be as they should: a head without GPUs, from an image for hosts
#: with some.
NO_GPU = ("no-devices", "no-driver")
WITHOUT = "; if it has no GPU, set hosts.{host}.expect.gpus to 0"

FAILED = ("provision does not know this error", UPDATE)

#: Characters of nvidia-smi's words that a cell of the table holds.
CELL = 120


def against_inventory(cluster: Cluster) -> Iterable[Finding]:
    """Blocks where something is expected, or needed by the model.

    While nvidia-smi has a fault, count, model and driver are not judged: they are its consequences. All GPUs
    that are expected may answer nevertheless (it complains of something else): then it is a warning.
    """
    for node in cluster.nodes:
        if node.facts is None:
            continue
        expect = node.host.expect
        if faulty(node):
            yield _fault(node, node.facts, _needed(cluster, expect))
            if not all_answer(expect, node.facts):
                continue
        yield from _mismatches(node, node.facts)


def driver_fits(driver: str, wanted: str) -> bool:
    """Whether `driver`, such as `590.48.01`, lies in the range `wanted`, such as `>=580,<600`. A bare number is a
    branch: `580` is every 580.x. An unreadable version fits nothing."""
    try:
        version = Version(driver)
        if wanted.strip()[:1].isdigit():
            return driver == wanted or driver.startswith(f"{wanted.strip()}.")
        return version in SpecifierSet(wanted)
    except (InvalidVersion, InvalidSpecifier):
        return False


def _needed(cluster: Cluster, expect: Expect) -> bool:
    """Whether GPUs are expected here, or the model needs more than all hosts have without them."""
    serve = cluster.inventory.serve
    found = sum(node.gpus for node in cluster.nodes)
    return expects_gpus(expect) or (serve is not None and found < serve.gpus)


def _fault(node: Node, facts: Facts, needed: bool) -> Finding:
    kind, error = facts.gpu_fault or "", facts.gpu_error or "nvidia-smi said nothing"
    why, hint = FAULTS.get(kind, FAILED)
    words = {"host": node.name, "kernel": facts.kernel or "that runs", "user": facts.user or "the user"}
    evidence = list(evidence_of("nvidia-smi", facts))
    if kind == "mismatch" and facts.driver_module:
        library = f", its library on disk {facts.driver_library}" if facts.driver_library else ""
        evidence.insert(0, f"the loaded kernel module is {facts.driver_module}{library}")
    if count := answering(facts):
        said = f"{count} GPU{'s answer' if count > 1 else ' answers'}, then nvidia-smi fails: `{error}`"
    else:
        said = error if kind in ("missing", "hung", "flooded") else f"nvidia-smi fails: `{error}`"
    return Finding(
        node.name,
        "drivers",
        "nvidia-smi",
        Severity.BLOCKS if needed and not all_answer(node.host.expect, facts) else Severity.WARNING,
        found=error if len(error) <= CELL else f"{error[: CELL - 1]}…",
        expected="an answer",
        why=why.format(**words),
        hint=(hint + WITHOUT * (kind in NO_GPU and not expects_gpus(node.host.expect))).format(**words),
        evidence=tuple(evidence),
        said=said,
    )


def _mismatches(node: Node, facts: Facts) -> Iterable[Finding]:
    host, expect, count = node.name, node.host.expect, len(facts.gpus)
    if expect.gpus is not None and count != expect.gpus:
        answer = "GPU answers" if count == 1 else "GPUs answer"
        yield Finding(
            host,
            "gpus",
            "GPUs",
            Severity.BLOCKS,
            found=str(count),
            expected=str(expect.gpus),
            why="the model is cut for the GPUs that the inventory names",
            hint=(COUNT if count < expect.gpus else MORE).format(host=host, found=count),
            evidence=evidence_of("GPUs", facts),
            said=f"{count} {answer}, the inventory expects {expect.gpus}",
        )
    if not count and expect.gpus is not None:
        return
    if expect.driver and not driver_fits(facts.driver or "", expect.driver):
        yield Finding(
            host,
            "drivers",
            "driver",
            Severity.BLOCKS,
            found=facts.driver or "",
            expected=expect.driver,
            why="the environment's CUDA does not run on every driver",
            hint=OTHER.format(host=host, wanted=expect.driver),
        )
    others = [gpu for gpu in facts.gpus if expect.gpu and expect.gpu.lower() not in gpu.name.lower()]
    if others or (expect.gpu and not facts.gpus):
        mixed = len(others) < count
        yield Finding(
            host,
            "gpus",
            "GPU model",
            Severity.BLOCKS,
            found=", ".join(dict.fromkeys(gpu.name for gpu in facts.gpus)),
            expected=expect.gpu or "",
            why="memory and speed of the GPUs decide how the model can be cut",
            hint=MODEL.format(host=host),
            evidence=tuple(f"GPU {gpu.index}: {gpu.name}" for gpu in others) if mixed else (),
        )
