"""The table of hosts and facts: what is shown of a host, compared between hosts, and remembered."""

from __future__ import annotations

from collections.abc import Callable

from provision.checks import cells
from provision.checks.host.check import HostCheck, host_checks
from provision.checks.programs import others, running
from provision.cluster.cluster import Node
from provision.core.finding import Known
from provision.core.values import dataclass
from provision.core.wording import span
from provision.facts import Facts, Gpu

#: Compared of a host that has nothing of the kind, where others may have.
NONE = "none"


@dataclass(frozen=True)
class FactRow:
    """One fact of a host. `read` gives its cell, empty where the host does not say. `lasting` as in Known.

    `compared`: what hosts have to have in common, where it is not the cell; empty or 0 where the host does not say.
    """

    area: str
    fact: str
    read: Callable[[Node, Facts], str]
    lasting: bool = True
    compared: Callable[[Node, Facts], str | float] | None = None

    def value(self, node: Node, facts: Facts) -> str | float:
        return (self.compared or self.read)(node, facts)


def known_of(node: Node, facts: Facts, cluster: str = "") -> tuple[Known, ...]:
    """`cluster`: its name, which tells our Ray and vLLM from those of others; empty for any."""
    found = [Known(row.area, row.fact, row.read(node, facts), row.lasting) for row in ROWS]
    for part in ("Ray", "vLLM"):
        ours = next((p.version or "runs" for p in running(facts, node, part, cluster)), "")
        theirs = ", ".join(cells.program(p) for p in others(facts, node, part, cluster)[:3])
        found += [Known("services", f"{part} version", ours), Known("services", f"other {part}", theirs, lasting=False)]
    return tuple(known for known in found if known.value)


def _each(
    fact: str, read: Callable[[Gpu], str], *, lasting: bool = True, compared: Callable[[Gpu], str] | None = None
) -> FactRow:
    """A row of what every GPU says for itself. How many say the same is another fact: their count."""
    return FactRow(
        "gpus",
        fact,
        lambda _, facts: cells.same(map(read, facts.gpus)),
        lasting,
        lambda _, facts: ", ".join(sorted({*map(compared or read, facts.gpus)} - {""})),
    )


def _by_itself(check: HostCheck) -> FactRow:
    return FactRow(check.area, check.fact, lambda _, facts: check.cell(facts), check.lasting)


def _of_maker(read: Callable[[Gpu], str]) -> Callable[[Gpu], str]:
    """Of a GeForce, each maker of boards has firmware and clocks of its own: there is nothing to compare."""
    return lambda gpu: "" if "GeForce" in gpu.name else read(gpu)


def _vbios(gpu: Gpu) -> str:
    return gpu.vbios


def _max_clock(gpu: Gpu) -> str:
    return cells.number(gpu.sm_clock_max, " MHz")


def _power_limit(gpu: Gpu) -> str:
    return cells.number(gpu.power_limit, " W")


def _power_set(gpu: Gpu) -> str:
    """Boards of one model differ in their default; what somebody has set is compared."""
    return "default" if gpu.power_limit and gpu.power_limit == gpu.power_default else _power_limit(gpu)


ROWS: tuple[FactRow, ...] = (
    FactRow("drivers", "driver", lambda _, f: f.driver or ""),
    FactRow("drivers", "kernel module", lambda _, f: f.driver_module or ""),
    FactRow("drivers", "driver library", lambda _, f: f.driver_library or ""),
    FactRow("drivers", "CUDA", lambda _, f: f.cuda),
    FactRow("drivers", "nvidia-smi", lambda _, f: f.gpu_fault or ""),
    FactRow("drivers", "fabric manager", lambda _, f: f.fabric_manager),
    FactRow("gpus", "GPUs", lambda _, f: cells.gpu_count(f)),
    _each("GPU model", lambda gpu: gpu.name),
    _each("GPU memory", lambda gpu: cells.size_or_none(gpu.memory_mib * 2**20)),
    _each("VBIOS", _vbios, compared=_of_maker(_vbios)),
    _each("compute capability", lambda gpu: gpu.compute_capability),
    _each("ECC", lambda gpu: cells.switch(gpu.ecc)),
    FactRow("gpus", "ECC errors", lambda _, f: cells.ecc_errors(f)),
    _each("remapped rows", cells.remapped_rows),
    _each("retired pages", lambda gpu: cells.switch(gpu.retired_pending, "pending", "none pending")),
    _each("MIG", lambda gpu: cells.switch(gpu.mig)),
    _each("persistence", lambda gpu: cells.switch(gpu.persistence)),
    _each("compute mode", lambda gpu: gpu.compute_mode),
    _each("power limit", _power_limit, compared=_power_set),
    _each("max clock", _max_clock, compared=_of_maker(_max_clock)),
    _each("throttling", cells.throttling, lasting=False),
    # Both may go down while the GPU is idle, and do with GeForce.
    _each("PCIe width", lambda gpu: cells.pcie(gpu.pcie_width, gpu.pcie_width_max), lasting=False),
    _each("PCIe generation", lambda gpu: cells.pcie(gpu.pcie_gen, gpu.pcie_gen_max), lasting=False),
    FactRow("gpus", "NVLink", lambda _, f: cells.nvlinks(f)),
    FactRow("gpus", "topology", lambda _, f: cells.topology(f)),
    _each("fabric state", lambda gpu: gpu.fabric_state),
    _each("recovery action", lambda gpu: gpu.recovery),
    FactRow("gpus", "Xid errors", lambda _, f: cells.xids(f.xids)),
    FactRow("gpus", "GPU UUIDs", lambda _, f: cells.uuids(f.gpus)),
    FactRow("gpus", "GPU processes", lambda _, f: cells.holders(f), lasting=False),
    _each("GPU memory free", lambda gpu: cells.size_or_none(gpu.memory_free_mib * 2**20), lasting=False),
    FactRow("network", "node address", lambda node, _: node.node_ip),
    FactRow("network", "interface", lambda node, _: node.interface),
    FactRow("network", "MTU", cells.mtu),
    FactRow("network", "link speed", cells.link_speed),
    FactRow(
        "network",
        "fabric ports",
        lambda _, f: cells.fabric_ports(f),
        # A host without any, among others that have some, has lost its card, or the card's driver.
        compared=lambda _, f: cells.fabric_ports(f) or NONE,
    ),
    FactRow("network", "hostname", lambda _, f: cells.hostname(f)),
    FactRow(
        "storage",
        "/dev/shm",
        lambda _, f: cells.size_or_none(f.shm_bytes),
        # From there on nothing needs more.
        compared=lambda _, f: float(min(f.shm_bytes, 64 * 2**30)),
    ),
    FactRow("storage", "disk free", lambda _, f: cells.size_or_none(f.disk_free_bytes), lasting=False),
    FactRow(
        "storage",
        "model folder",
        lambda _, f: cells.model_folder(f.model),
        compared=lambda _, f: f.model.digest if f.model and f.model.there and f.model.files else "",
    ),
    FactRow(
        "storage",
        "model disk free",
        lambda _, f: cells.size_or_none(f.model.disk_free_bytes if f.model else 0),
        lasting=False,
    ),
    FactRow("system", "OS", lambda _, f: f"{f.os_id} {f.os_version}".strip()),
    FactRow("system", "kernel", lambda _, f: f.kernel),
    FactRow("system", "glibc", lambda _, f: f.glibc),
    FactRow("system", "architecture", lambda _, f: f.arch),
    FactRow("system", "init", lambda _, f: "systemd" if f.systemd else ""),
    FactRow("system", "CPUs", lambda _, f: str(f.cpus) if f.cpus else ""),
    FactRow(
        "system", "memory", lambda _, f: cells.size_or_none(f.memory_bytes), compared=lambda _, f: float(f.memory_bytes)
    ),
    FactRow(
        "system",
        "open files",
        lambda _, f: cells.limit(f.nofile_hard),
        # From there on Ray needs no more, and all limits are alike.
        compared=lambda _, f: float(min(f.nofile_hard, 65536)),
    ),
    FactRow("system", "clock", lambda _, f: cells.offset(f.clock_offset), lasting=False),
    FactRow("system", "boot", lambda _, f: f.boot_id[:8]),
    FactRow("system", "uptime", lambda _, f: span(f.uptime_seconds) if f.uptime_seconds else "", lasting=False),
    *map(_by_itself, host_checks()),
)
