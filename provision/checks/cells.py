"""How facts are written into cells: short, for people, and the same text for the same thing on every host. A cell is
empty where the host did not say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from provision.checks.gpu.throttle import IDLE, NAMES
from provision.cluster.cluster import Node
from provision.core.wording import size
from provision.facts import Fabric, Facts, Gpu, Interface, ModelFolder, Program, Xid
from provision.facts.read import UNLIMITED


def size_or_none(count: float) -> str:
    return size(count) if count else ""


def same(values: Iterable[str]) -> str:
    """One value where all are equal, else each with how often it is there: `4 × A, 2 × B`. Empty ones do not count."""
    found = Counter(value for value in values if value)
    if len(found) == 1:
        return next(iter(found))
    return ", ".join(f"{count} × {value}" for value, count in sorted(found.items()))


def switch(value: bool | None, on: str = "on", off: str = "off") -> str:
    return "" if value is None else on if value else off


def number(value: float | None, unit: str = "") -> str:
    return "" if value is None else f"{value:g}{unit}"


def gpu_count(facts: Facts) -> str:
    """Empty where nvidia-smi is there and does not say. Without an nvidia-smi there is no GPU that could be used."""
    return str(len(facts.gpus)) if facts.gpus or facts.gpu_fault in (None, "missing", "no-devices") else ""


def uuids(gpus: Iterable[Gpu]) -> str:
    """Their beginnings, where those tell them apart."""
    whole = [gpu.uuid.removeprefix("GPU-") for gpu in gpus if gpu.uuid]
    short = [text[:8] for text in whole]
    return ", ".join(short if len(set(short)) == len(set(whole)) else whole)


def ecc_errors(facts: Facts) -> str:
    told = [gpu.ecc_uncorrected for gpu in facts.gpus if gpu.ecc_uncorrected is not None]
    return str(sum(told)) if told else ""


def remapped_rows(gpu: Gpu) -> str:
    if gpu.remapped_failure:
        return "failed"
    return "pending" if gpu.remapped_pending else switch(gpu.remapped_pending, off="none pending")


def pcie(now: int | None, most: int | None) -> str:
    return "" if now is None else f"{now} of {most}" if most is not None else str(now)


def throttling(gpu: Gpu) -> str:
    return " + ".join(word for bit, word in NAMES.items() if bit != IDLE and gpu.throttle & bit)


def nvlinks(facts: Facts) -> str:
    """Links of each GPU: `18`, or `17 of 18` where one is down."""
    return same(f"{active} of {active + down}" if down else str(active) for _, active, down in facts.nvlinks)


def topology(facts: Facts) -> str:
    """How often each kind of link is there between two GPUs: `28 × NV18`, `12 × NV4, 16 × SYS`."""
    links = Counter(link for row in facts.topology for link in row if link and link != "X")
    # The matrix has each of them twice.
    return ", ".join(f"{(count + 1) // 2} × {link}" for link, count in sorted(links.items()))


def xids(found: tuple[Xid, ...] | None) -> str:
    if found is None:
        return ""
    counts: Counter[int] = Counter()
    for xid in found:
        counts[xid.code] += xid.count
    return ", ".join(f"{code} × {count}" for code, count in sorted(counts.items())) or "none"


def holders(facts: Facts) -> str:
    """Who holds GPU memory, each process once."""
    found = {entry.pid: entry for entry in facts.gpu_processes}
    return ", ".join(f"{pid} {_program(entry.command)}".strip() for pid, entry in sorted(found.items()))


def _program(command: str) -> str:
    """The name of the program, of a command that may be long."""
    first = command.split(maxsplit=1)[0] if command.strip() else ""
    return first.rpartition("/")[2]


def limit(value: int) -> str:
    return "unlimited" if value == UNLIMITED else str(value) if value else ""


def offset(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:+.0f} s"


def interface_of(node: Node, facts: Facts) -> Interface | None:
    """The interface that carries the node's address, or that the inventory names."""
    return next((i for i in facts.interfaces if i.name == node.interface), None) if node.interface else None


def mtu(node: Node, facts: Facts) -> str:
    interface = interface_of(node, facts)
    return str(interface.mtu) if interface is not None and interface.mtu else ""


def link_speed(node: Node, facts: Facts) -> str:
    interface = interface_of(node, facts)
    return f"{interface.speed_mbit / 1000:g} Gbit/s" if interface is not None and interface.speed_mbit else ""


def fabric_port(port: Fabric) -> str:
    rate = f"{port.rate_gbit:g} Gbit/s" if port.rate_gbit and port.state == "ACTIVE" else ""
    return " ".join(part for part in (port.layer, port.state, rate) if part)


def fabric_ports(facts: Facts) -> str:
    counts = Counter(fabric_port(port) for port in facts.fabrics)
    return ", ".join(f"{count} × {text}" for text, count in sorted(counts.items()))


def hostname(facts: Facts) -> str:
    """With its addresses where they are loopback's: Gloo may choose them (vllm#7074), unless told which interface
    to take, as `up` tells it on every host."""
    local = facts.hostname_addresses and all(a == "::1" or a.startswith("127.") for a in facts.hostname_addresses)
    return f"{facts.hostname} → {', '.join(facts.hostname_addresses)}" if local else facts.hostname


def model_folder(model: ModelFolder | None) -> str:
    if model is None:
        return ""
    if not (model.there and model.files):
        return "no files" if model.there else "not there"
    return f"{size(model.bytes)} in {model.files} files, {model.digest[:8]}".rstrip(", ")


def program(found: Program) -> str:
    """What runs, as short as it can be told."""
    version = f"{found.version} " if found.version else ""
    return f"{version}(pid {found.pid}{f', {found.user}' if found.user else ''})"
