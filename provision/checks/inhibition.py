"""Inhibition: a finding that follows from another one is left out, so that each fault is reported once."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from functools import cache

from provision.checks.host.check import host_checks
from provision.core.finding import Finding

#: What cannot be seen, or is not to be trusted, while nvidia-smi fails.
_ASKED_OF_NVIDIA_SMI = (
    "driver", "CUDA", "GPUs", "GPU model", "GPU memory", "VBIOS", "compute capability", "ECC", "ECC errors",
    "remapped rows", "retired pages", "MIG", "persistence", "compute mode", "power limit", "max clock", "throttling",
    "PCIe width", "PCIe generation", "NVLink", "topology", "fabric state", "GPU UUIDs", "GPU processes",
    "GPU memory free",
)  # fmt: skip

_SERVICES = ("Ray head", "Ray worker", "vLLM", "vLLM worker")

#: Fact → the facts that explain it when they are not as they should be on the same host.
CAUSES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(_ASKED_OF_NVIDIA_SMI, ("nvidia-smi",)),
    # After an update of the driver that no reboot followed, all of these are seen.
    "driver": ("nvidia-smi", "driver library", "kernel module"),
    # An NVSwitch without its manager leaves the fabric unready, and NCCL on PCIe.
    "fabric state": ("nvidia-smi", "fabric manager"),
    "NVLink": ("nvidia-smi", "fabric manager", "fabric state"),
    "GPU model": ("nvidia-smi", "compute capability", "architecture"),
    "max clock": ("nvidia-smi", "VBIOS"),
    "topology": ("nvidia-smi", "GPUs", "GPU model", "NVLink", "fabric manager", "fabric state"),
    # 79: a GPU has fallen off the bus; 48, 63, 64, 94, 95: memory (NVIDIA's list of Xid errors).
    "Xid errors": ("nvidia-smi", "GPUs", "ECC errors", "remapped rows", "retired pages"),
    # What the driver answers an error with.
    "recovery action": ("nvidia-smi", "ECC errors", "remapped rows", "retired pages", "NVLink", "fabric state"),
    "GPU memory free": ("nvidia-smi", "GPU processes"),
    "GPU UUIDs": ("nvidia-smi", "boot"),
    # Who holds a GPU's memory is named there already, as a process.
    # Or as what has the ports: with the cluster's name, where it is one of ours.
    "other Ray": ("GPU processes", "ports"),
    "other vLLM": ("GPU processes", "ports", "other Ray"),
    "MTU": ("interface",),
    "link speed": ("interface",),
    "node address": ("interface", "boot", "Ray head --node-ip-address", "Ray worker --node-ip-address"),
    # The kernel gives it half of the memory unless told otherwise.
    "/dev/shm": ("memory",),
    # Another machine, or another release than the environment is locked for.
    **dict.fromkeys(("glibc", "CPUs", "memory"), ("architecture",)),
    "OS": ("architecture", "glibc"),
    "kernel": ("OS",),
    # Whose files are told by name there.
    "weights": ("weights files",),
    "model folder": ("weights",),
    # It runs in that Ray, which a reboot ends with it.
    "vLLM": ("Ray head", "ports"),
    # Another cluster of ours has them all: no service of this one can be there. Without a Python it cannot be asked.
    **dict.fromkeys(("Ray head", "Ray worker", "vLLM worker"), ("ports", "host Python")),
    # Such as that of `bin/python`, once the host's Python was removed.
    "its own files": ("host Python",),
    # What runs was started from the environment that is there no more.
    "Ray version": ("environment",),
    "vLLM version": ("environment",),
    **{f"{service} environment": ("environment",) for service in _SERVICES},
    **{f"{service} $PATH": (f"{service} environment",) for service in _SERVICES},
    **{f"{service} $VLLM_HOST_IP": (f"{service} --node-ip-address",) for service in _SERVICES},
    **{check.fact: check.causes for check in host_checks() if check.causes},
}


@cache
def causes_of(fact: str) -> frozenset[str]:
    """Also the causes of its causes: one that is not reported itself may be what lies between."""
    direct = CAUSES.get(fact, ())
    return frozenset(direct).union(*(causes_of(cause) for cause in direct))


def explained(host: str, fact: str, said: Container[tuple[str, str]]) -> bool:
    """Whether a finding reported already, as (host, fact), is this one or a cause of it."""
    return any((host, known) in said for known in (fact, *causes_of(fact)))


def without_consequences(findings: Sequence[Finding]) -> list[Finding]:
    """A consequence that is worse than all of its causes stays: what blocks must be said."""
    worst: dict[tuple[str, str], int] = {}
    for finding in findings:
        key = (finding.host, finding.fact)
        worst[key] = min(worst.get(key, finding.severity.rank), finding.severity.rank)

    def stands(finding: Finding) -> bool:
        causes = ((finding.host, cause) for cause in causes_of(finding.fact))
        return all(worst[cause] > finding.severity.rank for cause in causes if cause in worst)

    return [finding for finding in findings if stands(finding)]
