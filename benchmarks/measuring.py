"""Wall time and processor time of one way to do the job, several ways in turn."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """Seconds: on the clock, computed by the controller, computed by the hosts."""

    wall: float
    controller: float
    hosts: float


@dataclass(frozen=True)
class Way:
    """`once` does the job once, and returns the processor seconds of what it started itself (0 for none)."""

    name: str
    once: Callable[[], float]


class Failed(RuntimeError):
    """A way did not do the job; its figures would mean nothing."""


def command(argv: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str], expect: int = 0) -> float:
    """Runs a program to its end; the processor seconds of it and its children."""
    with (cwd / "output").open("wb") as output:
        process = subprocess.Popen(
            list(map(str, argv)), cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != expect:
        said = (cwd / "output").read_text(errors="replace")[-3000:]
        raise Failed(f"{' '.join(map(str, argv))} ended with {process.returncode}:\n{said}")
    return used.ru_utime + used.ru_stime


def in_turn(ways: Sequence[Way], rounds: int, hosts_cpu: Callable[[], float]) -> dict[str, list[Cost]]:
    """Each way `rounds` times, all of them once per round: what else the machine does then meets them alike.
    A further round before is not counted: it warms the caches."""
    costs: dict[str, list[Cost]] = {way.name: [] for way in ways}
    for number in range(rounds + 1):
        for way in ways:
            cost = _one(way, hosts_cpu)
            if number:
                costs[way.name].append(cost)
    return costs


def median(costs: Sequence[Cost]) -> Cost:
    return Cost(*(statistics.median(getattr(c, f) for c in costs) for f in ("wall", "controller", "hosts")))


def _one(way: Way, hosts_cpu: Callable[[], float]) -> Cost:
    hosts, own, began = hosts_cpu(), _own_cpu(), time.perf_counter()
    started = way.once()
    wall, controller = time.perf_counter() - began, _own_cpu() - own + started
    time.sleep(0.1)  # the last connections are still being put away, and counted once they are
    return Cost(wall, controller, hosts_cpu() - hosts)


def _own_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
