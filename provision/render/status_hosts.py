"""The hosts of a cluster as `status` shows them: a table, or below each other where that is too wide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from provision.core.wording import span
from provision.render.status_wrong import error_words
from provision.render.text import Paint, Style, clean, named, table, wrapped, wrapped_between

if TYPE_CHECKING:
    from provision.operate.status import ClusterStatus, GpuUse, HostStatus

#: How it is said that nothing is known.
UNKNOWN = "not known"


def host_cells(host: HostStatus) -> tuple[str, ...]:
    """As COLUMNS."""
    if host.error is not None:
        return (host.name, host.role, host.address, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN)
    return (
        host.name,
        host.role,
        host.address,
        _used(host),
        _memory(host.gpus),
        _range([gpu.celsius for gpu in host.gpus], "°C"),
        _power(host.gpus),
        _service(host, "ray"),
        _service(host, "vllm"),
    )


#: Of COLUMNS so many say which host it is; up to so many hosts that are the same are told one by one.
_NAMES, _FEW = 3, 3

COLUMNS = ("host", "role", "address", "GPUs", "memory", "temperature", "power", "Ray", "vLLM")


def hosts_lines(seen: ClusterStatus, paint: Paint, width: int) -> list[str]:
    rows = [tuple(clean(cell) for cell in host_cells(host)) for host in seen.hosts]
    shown = ["  ".join(cells).rstrip() for cells in table([COLUMNS, *rows])]
    if max(map(len, shown)) <= width:
        lines = [paint(Style.DIM, shown[0]), *shown[1:]]
    else:
        lines = [line for some in _alike(rows) for line in _upright(some, paint, width)]
    for message, hint in error_words(seen):
        lines += wrapped(clean(message), width, "  ", paint(Style.ERROR, "error:"))
        for line in hint.splitlines():
            lines += wrapped(clean(line), width, "  ", paint(Style.HINT, "hint:"))
    blind: dict[str, list[str]] = {}
    for host in seen.hosts:
        if host.error is None and host.gpus_unknown:
            blind.setdefault(host.gpus_unknown, []).append(host.name)
    for why, hosts in blind.items():
        lines += wrapped(f"{named(hosts)}: GPUs {UNKNOWN}: {clean(why)}", width, "  ")
    return lines


def _alike(rows: Sequence[tuple[str, ...]]) -> list[list[tuple[str, ...]]]:
    """Rows that are read as one, where many hosts are the same but for their names and addresses; else each alone."""
    same: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for row in rows:
        same.setdefault((row[1], *row[_NAMES:]), []).append(row)
    return [some for group in same.values() for some in ([group] if len(group) > _FEW else [[row] for row in group])]


def _upright(rows: Sequence[tuple[str, ...]], paint: Paint, width: int) -> list[str]:
    """One host, or those that are the same, where the terminal is too narrow for the table."""
    name, role, address, *cells = rows[0]
    lines = [f"{paint(Style.BOLD, name)}  {role}  {address}"]
    if len(rows) > 1:
        names, addresses = named([row[0] for row in rows]), f"  {address} … {rows[-1][2]}"
        room = len(names) + 2 + len(role) + len(addresses) <= width
        lines = [f"{paint(Style.BOLD, names)}  {role}{addresses if room else ''}"]
    said = [f"{label} {cell}" for label, cell in zip(COLUMNS[_NAMES:], cells, strict=True)]
    return lines + wrapped_between(said, ", ", max(width, 30), "  ", "  ")


def _used(host: HostStatus) -> str:
    if not host.gpus:
        return "none" if host.gpus_unknown == "nvidia-smi is not installed" else UNKNOWN
    used = sum(gpu.used for gpu in host.gpus)
    return f"{used} used, {len(host.gpus) - used} free"


def _memory(gpus: Sequence[GpuUse]) -> str:
    known = [(gpu.memory_used_mib, gpu.memory_mib) for gpu in gpus]
    if not known or any(used is None or total is None for used, total in known):
        return UNKNOWN
    used = sum(used or 0 for used, _ in known)
    return f"{used / 1024:.0f} of {sum(total or 0 for _, total in known) / 1024:.0f} GiB"


def _range(values: Sequence[float | None], unit: str) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return UNKNOWN
    low, high = f"{min(known):.0f}", f"{max(known):.0f}"
    return f"{low} {unit}" if low == high else f"{low} to {high} {unit}"


def _power(gpus: Sequence[GpuUse]) -> str:
    known = [gpu.watts for gpu in gpus if gpu.watts is not None]
    return f"{sum(known):.0f} W" if known and len(known) == len(gpus) else UNKNOWN


def _service(host: HostStatus, name: str) -> str:
    service = host.service(name)
    if service is None:
        return UNKNOWN if host.services_unknown else "–"
    return f"{service.said}, {span(service.seconds)}" if service.well and service.seconds is not None else service.said
