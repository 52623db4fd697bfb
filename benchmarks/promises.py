"""What is promised of time and memory, and whether it was kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks import help as help_page
from benchmarks.ways import CHECK, UP

#: Wall time of a command ÷ wall time of the bound, at so many hosts.
AT, MOST = 50, 1.9

#: Resident memory of `check` ÷ that of the bound, at so many hosts. The bound keeps every host's answer as text; check
#: keeps what it has read of it too, and what it found. More than twice as much would be something kept by mistake.
MANY, MEMORY_MOST = 200, 2.0

#: Bytes by which each host more than `AT` may make `check` larger: a thousand hosts are to fit in half a gigabyte.
PER_HOST_MOST = 500_000


def broken(results: Mapping[int, Mapping[str, Any]], page: help_page.Help) -> list[str]:
    """`results`: by number of hosts and way. What was not measured is not judged, but for the time at `AT` hosts."""
    found = []
    if page.ratio > help_page.MOST:
        found.append(str(page))
    if AT not in results:
        found.append(f"nothing was measured at {AT} hosts: --hosts {AT}")
    for name in (CHECK, UP):
        ratio = results.get(AT, {}).get(name, {}).get("ratio", 0.0)
        if ratio > MOST:
            found.append(f"{name} at {AT} hosts takes {ratio:.2f} times the lower bound, promised is {MOST}")
    if MANY in results:
        found += _memory(results)
    return found


def _memory(results: Mapping[int, Mapping[str, Any]]) -> list[str]:
    found = []
    check = results[MANY][CHECK]
    if check["memory_ratio"] > MEMORY_MOST:
        held = f"{check['memory'] / 1e6:.0f} MB, {check['memory_ratio']:.2f} times as much as the lower bound"
        found.append(f"{CHECK} at {MANY} hosts holds {held}, promised is {MEMORY_MOST:g}")
    if AT in results:
        per_host = (check["memory"] - results[AT][CHECK]["memory"]) / (MANY - AT)
        if per_host > PER_HOST_MOST:
            grown = f"{per_host / 1000:.0f} kB per host from {AT} to {MANY}"
            found.append(f"{CHECK} grows by {grown}, promised are {PER_HOST_MOST / 1000:.0f}")
    return found
