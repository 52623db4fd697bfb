"""Wall time and processor time of one way to do the job, several ways in turn."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

#: Seconds that a program has after it was asked to end.
ENDING = 30.0


@dataclass(frozen=True)
class Cost:
    """Seconds: on the clock, computed by the controller, computed by the hosts."""

    wall: float
    controller: float
    hosts: float


@dataclass(frozen=True)
class Way:
    """`once` does the job once, and returns the processor seconds of what it started itself (0 for none).
    `memory` does it once more, and returns the most bytes that it held."""

    name: str
    once: Callable[[], float]
    memory: Callable[[], int] | None = None

    @classmethod
    def of(cls, name: str, argv: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str]) -> Way:
        """The way that is a program."""
        return cls(name, lambda: command(argv, cwd=cwd, env=env), lambda: memory(argv, cwd=cwd, env=env))


class Failed(RuntimeError):
    """A way did not do the job; its figures would mean nothing."""


def command(argv: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str], expect: int = 0) -> float:
    """Runs a program to its end; the processor seconds of it and its children."""
    with (cwd / "output").open("wb") as output:
        process = subprocess.Popen(
            list(map(str, argv)), cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
        try:
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:
            _end(process)
            raise
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != expect:
        said = (cwd / "output").read_text(errors="replace")[-3000:]
        raise Failed(f"{' '.join(map(str, argv))} ended with {process.returncode}:\n{said}")
    return used.ru_utime + used.ru_stime


def _end(process: subprocess.Popen[bytes]) -> None:
    """And all that it has started. It may end first what it has begun on hosts, where nobody else could begin anything
    meanwhile."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(ENDING)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


# A program that was started inherits what the one that started it has held at most, so a small one stands between.
_WEIGH = """
import os, resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
open(sys.argv[1], "w").write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(code)
"""


def memory(argv: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str]) -> int:
    """The most bytes in memory (resident) of a program, or of the largest one of those it starts and waits for."""
    result = cwd / "weight"
    command([sys.executable, "-ISc", _WEIGH, result, *argv], cwd=cwd, env=env)
    return int(result.read_text()) * 1024


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
