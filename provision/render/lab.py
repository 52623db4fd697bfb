"""A lab's hosts as a table, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provision.render.encode import Json
from provision.render.text import clean, count, cut, table

if TYPE_CHECKING:
    from provision.lab.lab import LabReport


def lab_lines(report: LabReport, width: int = 0) -> list[str]:
    """`width`: of the terminal, to cut lines at; 0 for no limit. Empty if there is no lab."""
    if not report.hosts:
        return []
    second = any(host.fabric for host in report.hosts)
    rows: list[tuple[str, ...]] = [("host", "address", *(("fabric",) if second else ()), "port", "gpus", "state")]
    for host in report.hosts:
        state = f"running, pid {host.pid}" if host.running else "off"
        addresses = (host.address, host.fabric) if second else (host.address,)
        rows.append((host.name, *addresses, str(host.port), str(host.gpus), state))
    numbers = frozenset({3, 4}) if second else frozenset({2, 3})
    lines = ["  ".join(cells) for cells in table(rows, right=numbers)]
    kind = f"{count(len(report.hosts), 'host')}, {report.mode}, init {report.init}"
    lines += [kind, *(f"note: {clean(note)}" for note in report.notes)]
    return [cut(line, width) for line in lines] if width else lines


def lab_json(report: LabReport) -> dict[str, Json]:
    hosts: list[Json] = [
        {
            "name": h.name,
            "address": h.address,
            "fabric": h.fabric or None,
            "port": h.port,
            "pid": h.pid,
            "gpus": h.gpus,
            "running": h.running,
        }
        for h in report.hosts
    ]
    return {
        "name": report.name,
        "mode": report.mode,
        "init": report.init,
        "inventory": str(report.inventory) if report.inventory else None,
        "changed": report.changed,
        "notes": list(report.notes),
        "hosts": hosts,
    }
