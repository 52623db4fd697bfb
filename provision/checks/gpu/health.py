"""What a single GPU tells of itself that is wrong whatever anyone expects: a table of rules.

Sources: nvidia-smi's own help on its fields (`nvidia-smi --help-query-gpu`); NVIDIA, "GPU Memory Error Management"
for remapped rows and retired pages, and "Fabric Manager User Guide" for fabric states (docs.nvidia.com).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from provision.checks.gpu.answering import LOST
from provision.checks.gpu.throttle import IDLE, slowed_by
from provision.checks.gpu.xid import evidence_of
from provision.core.finding import Against, Finding, Severity
from provision.core.values import dataclass
from provision.core.wording import typed
from provision.facts import Facts, Gpu

#: What nvidia-smi says of a fabric on GPUs that are on none.
NO_FABRIC = ("", "N/A", "Not Supported")
#: Watts by which a power limit may differ from the default: drivers round.
ROUNDING = 1.0

#: What the driver wants of a GPU that refuses CUDA, be all of its counters 0 (sichek#121). With its other words, such
#: as `Drain P2P`, what runs there goes on (nvidia_gpu_exporter#448).
STOPPED = ("Reset", "Reboot", "GPU Reset", "Node Reboot")

RESET = "stop what runs there, then `sudo nvidia-smi --gpu-reset -i {gpus}` on {host}, or reboot it"


@dataclass(frozen=True)
class HealthRule:
    """`sees` says in a few words what is wrong with a GPU; empty: nothing.

    In `expected` and `hint`, `{gpu}` is the first GPU of which it is true, `{gpus}` the indexes of all (`0,3`).
    `hides`: facts that only repeat it for the same GPU. `better`: whether another GPU of its model has it better; where
    given, a GPU is not mentioned unless one of the cluster has: what all have is how the machines are built, or set.
    """

    fact: str
    severity: Severity
    sees: Callable[[Gpu], str]
    expected: str
    why: str
    hint: str
    hides: tuple[str, ...] = ()
    better: Callable[[Gpu, Gpu], bool] | None = None
    area: str = "gpus"


def _unusable(gpu: Gpu) -> str:
    return gpu.error if gpu.error.lower() in LOST else ""


def _unreadable(gpu: Gpu) -> str:
    if gpu.error.lower() != "unknown error":
        return ""
    fields = _unknown(gpu)
    return f"{gpu.error} in {', '.join(fields[:3])}" if fields else gpu.error


def _unknown(gpu: Gpu) -> list[str]:
    return [name for name, cell in gpu.details.items() if "unknown error" in cell.lower()]


def _reads_more(other: Gpu, gpu: Gpu) -> bool:
    """A sound GPU may have a field or two that its driver cannot read (MindMiner#627: power.default_limit of a
    GeForce)."""
    return len(_unknown(gpu)) > 2 or len(_unknown(other)) < len(_unknown(gpu))


def _memory_errors(gpu: Gpu) -> str:
    count = gpu.ecc_uncorrected or 0
    return f"{count} uncorrected error{'s' * (count > 1)}" if count else ""


def _narrow(gpu: Gpu) -> str:
    now, best = gpu.pcie_width, gpu.pcie_width_max
    return f"x{now} of x{best}" if now and best and now < best else ""


def _wider(other: Gpu, gpu: Gpu) -> bool:
    """T4 and A10G in the cloud, or two GPUs on a desktop's board, have half of their lanes by design. And at rest, as
    its generation shows, a GPU may use fewer (nvidia-smi's help on pcie.link.width.current)."""
    rests = gpu.throttle & IDLE and (gpu.pcie_gen or 0) < (other.pcie_gen or 0)
    return not rests and (other.pcie_width or 0) > (gpu.pcie_width or 0)


def _capped(gpu: Gpu) -> str:
    limit, default = gpu.power_limit, gpu.power_default
    return f"{limit:.0f} W of {default:.0f} W" if limit and default and limit < default - ROUNDING else ""


def waits_for_fabric(gpu: Gpu) -> str:
    """What its state is, instead of complete; empty where it is, or where there is no fabric."""
    if gpu.fabric_state in NO_FABRIC:
        return ""
    if gpu.fabric_state != "Completed":
        return gpu.fabric_state
    return "" if gpu.fabric_status in (*NO_FABRIC, "Success") else f"{gpu.fabric_state}, but {gpu.fabric_status}"


RULES = (
    HealthRule(
        "nvidia-smi", Severity.BLOCKS, _unusable,
        "an answer",
        "until it is reset, no program can use it",
        RESET,
        area="drivers",
    ),
    HealthRule(
        "nvidia-smi", Severity.WARNING, _unreadable,
        "an answer",
        "the driver cannot read it, as where a GPU begins to fail or does not answer on its bus",
        "run `nvidia-smi -q -i {gpus}` and `sudo dmesg | grep -iE 'nvrm|xid'` on {host}, reset or reboot it",
        better=_reads_more,
        area="drivers",
    ),
    HealthRule(
        "recovery action", Severity.BLOCKS,
        lambda gpu: gpu.recovery if gpu.recovery in STOPPED else "",
        "None",
        "the driver waits for it after an error: until then CUDA does not start on this GPU",
        RESET,
    ),
    HealthRule(
        "recovery action", Severity.WARNING,
        lambda gpu: gpu.recovery if gpu.recovery not in STOPPED else "",
        "None",
        "the driver asks for it after an error: part of the GPU, or of its links, is disabled",
        RESET,
    ),
    HealthRule(
        "remapped rows", Severity.BLOCKS,
        lambda gpu: "a row could not be remapped" if gpu.remapped_failure else "",
        "no failure",
        "a broken row of its memory could not be replaced by a spare one: it will fail again",
        "have GPU {gpus} of {host} replaced; until then, take {host} out of the inventory",
        hides=("ECC errors",),
    ),
    HealthRule(
        "remapped rows", Severity.WARNING,
        lambda gpu: "a row waits to be remapped" if gpu.remapped_pending else "",
        "none pending",
        "a broken row of its memory is in use until the next reset",
        RESET,
        hides=("ECC errors",),
    ),
    HealthRule(
        "retired pages", Severity.WARNING,
        lambda gpu: "a page waits to be retired" if gpu.retired_pending else "",
        "none pending",
        "a broken page of its memory is in use until the next reset",
        RESET,
        hides=("ECC errors",),
    ),
    HealthRule(
        "ECC errors", Severity.WARNING, _memory_errors,
        "0",
        "its memory had errors that ECC cannot correct since the driver was loaded: what ran there failed",
        RESET + "; if they come back, have it replaced",
    ),
    HealthRule(
        "throttling", Severity.WARNING, lambda gpu: ", ".join(slowed_by(gpu.throttle)),
        "none",
        "its clocks are throttled by heat or power, and all ranks wait for the slowest",
        "check fans, air flow and power supply of {host}: `nvidia-smi -q -d PERFORMANCE,TEMPERATURE,POWER -i {gpus}`",
    ),
    HealthRule(
        "PCIe width", Severity.WARNING, _narrow,
        "x{gpu.pcie_width_max}, as on others of its model",
        "some of its lanes are unused: loading weights is slower, and so is traffic between GPUs without NVLink",
        "seat GPU {gpus} of {host} anew, check riser and slot: `sudo lspci -vv -d 10de: | grep LnkSta`",
        better=_wider,
    ),
    HealthRule(
        "compute mode", Severity.BLOCKS, lambda gpu: "Prohibited" if gpu.compute_mode == "Prohibited" else "",
        "Default",
        "no program may compute on it",
        "run `sudo nvidia-smi -i {gpus} -c DEFAULT` on {host}",
    ),
    HealthRule(
        "power limit", Severity.WARNING, _capped,
        "{gpu.power_default:.0f} W",
        "others of its model have more: it is slower under load, and all ranks wait for the slowest",
        "run `sudo nvidia-smi -i {gpus} -pl {gpu.power_default:.0f}` on {host}",
        better=lambda other, gpu: (other.power_limit or 0) > (gpu.power_limit or 0) + ROUNDING,
    ),
    HealthRule(
        "fabric state", Severity.BLOCKS, waits_for_fabric,
        "Completed",
        "until it has joined the fabric of the NVSwitches, CUDA does not start there: error 802, system not yet "
        "initialized",
        "run `sudo systemctl restart nvidia-fabricmanager` on {host}, whose version must be that of the driver; for "
        "GB200 and GB300 it runs on the rack's NVSwitch trays",
    ),
)  # fmt: skip

#: A GPU that is cut into slices is in the way of a model that wants several whole ones. Where none is served, somebody
#: wants it so.
MIG = HealthRule(
    "MIG", Severity.BLOCKS, lambda gpu: "Enabled" if gpu.mig else "",
    "Disabled",
    "CUDA sees a slice of it at most, and slices cannot take part in tensor parallelism",
    "stop what runs there, then `sudo nvidia-smi -i {gpus} -mig 0` on {host}",
)  # fmt: skip
#: A model that wants a single GPU runs on a slice, if that is large enough.
MIG_FOR_ONE = replace(MIG, severity=Severity.WARNING, why="the model gets one slice of it, not the whole")


def of_health(host: str, facts: Facts, everywhere: Sequence[Gpu], wanted: int) -> list[Finding]:
    """One finding for each fact, with the worst of what its rules say. `everywhere`: the GPUs of all hosts, these
    among them. `wanted`: how many the model is cut for; 0 where none is served."""
    mig = (MIG if wanted > 1 else MIG_FOR_ONE,) if wanted else ()
    rules = (*RULES, *mig)
    seen = [(rule, gpu, text) for rule in rules for gpu in facts.gpus if (text := rule.sees(gpu))]
    seen = [(rule, gpu, text) for rule, gpu, text in seen if _stands_out(rule, gpu, everywhere)]
    hidden = {(fact, gpu.index) for rule, gpu, _ in seen for fact in rule.hides}
    groups: dict[str, list[tuple[HealthRule, Gpu, str]]] = {}
    for rule, gpu, text in seen:
        if (rule.fact, gpu.index) not in hidden:
            groups.setdefault(rule.fact, []).append((rule, gpu, text))
    return [_finding(host, facts, group) for group in groups.values()]


def _stands_out(rule: HealthRule, gpu: Gpu, everywhere: Sequence[Gpu]) -> bool:
    better = rule.better
    return better is None or any(better(other, gpu) for other in everywhere if other.name == gpu.name)


def _finding(host: str, facts: Facts, group: list[tuple[HealthRule, Gpu, str]]) -> Finding:
    rule, first, _ = min(group, key=lambda each: each[0].severity.rank)
    numbers: dict[str, list[int]] = {}
    for _, gpu, text in group:
        numbers.setdefault(text, []).append(gpu.index)
    found = "; ".join(f"{text} ({_named(indexes)})" for text, indexes in numbers.items())
    words = {"host": host, "gpu": first, "gpus": ",".join(str(gpu.index) for r, gpu, _ in group if r is rule)}
    evidence = evidence_of(rule.fact, facts)
    if rule.fact == "fabric state" and facts.fabric_manager not in ("", "active"):
        evidence = (f"systemd says that nvidia-fabricmanager is {facts.fabric_manager}", *evidence)
    return Finding(
        host,
        rule.area,
        rule.fact,
        rule.severity,
        found=found,
        expected=rule.expected.format(**words),
        against=Against.SOUND,
        why=rule.why,
        hint=typed(rule.hint, words),
        evidence=evidence,
        said=f"{rule.fact}: {found}",
    )


def _named(indexes: Sequence[int]) -> str:
    """`GPU 3`, `GPUs 0, 2-5`."""
    runs: list[list[int]] = []
    for index in indexes:
        if runs and runs[-1][-1] == index - 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    shown = ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
    return f"GPU{'s' if len(indexes) > 1 else ''} {shown}"
