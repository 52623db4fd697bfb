"""Going through a fault notices whatever is not as the registry says; no lab is needed for that."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from faults.fault import NOTHING, Fault
from faults.meeting import met


class FakeRack:
    """Says what it is told to, command by command."""

    def __init__(self, *runs: tuple[int, str], restarts: bool = False) -> None:
        self.runs = list(runs)
        self.said = ""
        self.pids = 1
        self.restarts = restarts
        self.repaired = False

    def plant(self) -> None: ...

    def invariants(self) -> None: ...

    def running(self) -> dict[str, str]:
        return {"lab-1": str(self.pids)}

    def repair(self) -> None:
        self.repaired = True

    def provision(self, line: str) -> int:
        self.pids += self.restarts
        code, self.said = self.runs.pop(0)
        return code


FAULT = Fault("host", "made up", lambda _: None, ("a driver",), 3, "what runs goes on", NOTHING)
SEEN, THEN = (3, "drift: a\n  driver is old"), (0, "nothing to change (3 hosts)")


@pytest.mark.parametrize(
    ("rack", "said"),
    [
        (FakeRack(SEEN, THEN), ""),
        (FakeRack((3, "in sync"), THEN), "never said `a driver`"),
        (FakeRack((0, SEEN[1]), THEN), "ended with 0, not 3"),
        (FakeRack((3, f"{SEEN[1]}\nbug: TypeError"), THEN), "called itself a bug"),
        (FakeRack(SEEN, THEN, restarts=True), "what ran does not run on"),
        (FakeRack(SEEN, (1, THEN[1])), "the next `up` ended with 1"),
        (FakeRack(SEEN, (0, "up: 1 change made")), "the next `up` never said `nothing to change`"),
    ],
)
def test_each_deviation_is_told(rack: FakeRack, said: str) -> None:
    why = met(rack, FAULT)  # type: ignore[arg-type]
    assert bool(why) == bool(said) and said in "\n".join(why)
    assert rack.repaired


def test_the_soak_says_how_it_is_run() -> None:
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.soak", "--help"], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and "--seed" in done.stdout
