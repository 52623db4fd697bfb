"""Which GPUs of a host can be counted on: whether nvidia-smi works there, and how many answer."""

from __future__ import annotations

from provision.cluster.cluster import Node
from provision.facts import Facts
from provision.inventory.models import Expect

#: What the cells of a GPU say that cannot be used (lower case).
LOST = ("gpu is lost", "gpu requires reset")


def faulty(node: Node) -> bool:
    """Whether nvidia-smi does not work, on a host that should have one. A host of which nothing is expected may have
    none; one with no GPUs expected may have one that says so."""
    if node.facts is None or not node.facts.gpu_fault or node.host.expect.gpus == 0:
        return False
    return node.facts.gpu_fault != "missing" or expects_gpus(node.host.expect)


def lacks_gpus(node: Node) -> bool:
    """Whether this host is reported with fewer GPUs than it should have: what is short because of it is no news."""
    if node.facts is None:
        return False
    return (faulty(node) and not all_answer(node.host.expect, node.facts)) or node.gpus < (node.host.expect.gpus or 0)


def expects_gpus(expect: Expect) -> bool:
    return bool(expect.driver or expect.gpu or expect.gpus)


def all_answer(expect: Expect, facts: Facts) -> bool:
    return bool(expect.gpus) and answering(facts) >= (expect.gpus or 0)


def answering(facts: Facts) -> int:
    """A GPU that is lost may still be listed, with that in its cells."""
    return sum(gpu.error.lower() not in LOST for gpu in facts.gpus)
